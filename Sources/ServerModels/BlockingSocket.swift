// A socket whose calls block: accept until a client connects, receive until bytes arrive, send until there is room.
// Blocking is the simple way to write a server, because the program's position is the state of the client.

import CServerModels
import Glibc
internal import Reactor
import SystemPackage

/// A blocking socket. It does not own the descriptor: the code that created or received it closes it.
struct BlockingSocket: Sendable {
    let descriptor: FileDescriptor
    private var kernel: any SystemCalls { LinuxKernel.shared }

    init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    /// Makes a descriptor blocking and wraps it.
    init(making descriptor: FileDescriptor) {
        self.descriptor = descriptor
        _ = cmodels_make_blocking(descriptor.rawValue)
    }

    /// Closes the descriptor.
    func close() { _ = kernel.close(descriptor) }

    /// Waits for a client.
    ///
    /// - Returns: The client's connection; `nil` when the process is ending.
    func accept() -> BlockingSocket? {
        while !ModelSockets.isEnding {
            let result = SystemResult(rawValue: cmodels_accept(descriptor.rawValue))
            guard let errno = result.errno else { return BlockingSocket(result.descriptor) }
            switch errno.faultClass {
            // A signal, or a client that left while it was in the backlog.
            case .retry, .wouldBlock, .peer: continue
            // Out of descriptors or memory: retrying before another client leaves would only burn CPU time.
            case .resources: usleep(50_000)
            // The signal handler has shut the socket down to wake this call.
            default: return nil
            }
        }
        return nil
    }

    /// Echoes all input until the peer ends its stream, the connection fails, or the process is ending.
    func echo() {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while let count = receive(into: &buffer), send(buffer, count) {}
    }

    /// Waits for bytes.
    ///
    /// - Returns: The number of bytes received; `nil` at the end of the stream or after an error.
    private func receive(into buffer: inout [UInt8]) -> Int? {
        while true {
            var span = buffer.mutableSpan
            // Safe: bytes have no padding, and the kernel writes no more than the span holds.
            let result = unsafe kernel.receive(descriptor, into: span.mutableBytes)
            if result.wasInterrupted && !ModelSockets.isEnding { continue }
            return result.rawValue > 0 ? result.rawValue : nil
        }
    }

    /// Sends the first `count` bytes, in several calls if the kernel accepts fewer at a time. A peer that is gone is
    /// reported as `EPIPE` and not as SIGPIPE, which would end the whole process.
    ///
    /// - Returns: Whether all bytes were sent.
    private func send(_ buffer: [UInt8], _ count: Int) -> Bool {
        var sent = 0
        while sent < count {
            // Safe: bytes have no padding, and the span ends with this call.
            let result = unsafe kernel.send(descriptor, buffer.span.bytes.extracting(sent..<count))
            if result.wasInterrupted && !ModelSockets.isEnding { continue }
            guard result.rawValue > 0 else { return false }
            sent += result.rawValue
        }
        return true
    }
}
