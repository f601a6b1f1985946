// A socket whose calls wait: accept for a client, receive for bytes, send for room. What the texts call the simple way: the
// program is where the client is. Knows no model.

import CServerModels
import Glibc
import Reactor
import SystemPackage

/// A socket that waits. A name only: who made it, or was given it, closes it.
struct BlockingSocket: Sendable {
    let descriptor: FileDescriptor
    private var kernel: any SystemCalls { LinuxKernel.shared }

    init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    /// Makes a socket one that waits.
    init(making descriptor: FileDescriptor) {
        self.descriptor = descriptor
        _ = cmodels_make_blocking(descriptor.rawValue)
    }

    func close() { _ = kernel.close(descriptor) }

    /// Waits for a client; `nil` when the process is to end.
    func accept() -> BlockingSocket? {
        while !ModelSockets.isEnding {
            let result = SystemResult(rawValue: cmodels_accept(descriptor.rawValue))
            guard let errno = result.errno else { return BlockingSocket(result.descriptor) }
            switch errno.faultClass {
            // A signal, or a client that has left before it was its turn.
            case .retry, .wouldBlock, .peer: continue
            // No descriptor, no memory: it stays so until somebody leaves, and asking at once again would only burn time.
            case .resources: usleep(50_000)
            // The socket was shut down: that is how the signal wakes us.
            default: return nil
            }
        }
        return nil
    }

    /// Sends back what comes, until the peer has no more to say, breaks off, or the process is to end.
    func echo() {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while let count = receive(into: &buffer), send(buffer, count) {}
    }

    /// Waits for bytes: how many came, `nil` when no more will.
    private func receive(into buffer: inout [UInt8]) -> Int? {
        while true {
            var span = buffer.mutableSpan
            // Safe: bytes have no padding, and the kernel writes no more than the span holds.
            let result = unsafe kernel.receive(descriptor, into: span.mutableBytes)
            if result.wasInterrupted && !ModelSockets.isEnding { continue }
            return result.rawValue > 0 ? result.rawValue : nil
        }
    }

    /// Sends all of it, waiting for room as often as need be: the kernel takes what fits, which may be less. A peer that is
    /// gone is an answer (`EPIPE`) and no SIGPIPE, which would end the whole process.
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
