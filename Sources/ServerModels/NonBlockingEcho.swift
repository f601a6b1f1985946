// One connection of a server that must not block: unsent output is kept for later. This is all that a loop needs to
// serve many connections; it is independent of the loop and of the way readiness is found out.
//
//     reading --bytes, all sent--> reading
//        ^  \--bytes, some left--> writing --all sent--> reading
//        |                          (no reading meanwhile: backpressure on a peer that does not read)
//        +--- end, or a failure, in either state --> over

internal import Reactor
import SystemPackage

/// The echo on a non-blocking socket.
struct NonBlockingEcho {
    /// The result of a step.
    enum Step {
        /// Progress was made; there may be more to do.
        case moved
        /// There is nothing to read.
        case waitsForBytes
        /// The send buffer is full, because the peer does not read.
        case waitsForRoom
        /// The peer has ended its stream and all output is sent, or the connection has failed.
        case isOver
    }

    let descriptor: FileDescriptor
    /// The interest that is registered with the selector.
    var interest = Interest.readable
    private var unsent: [UInt8] = []

    init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    /// Performs one step without blocking: sends pending output, or receives bytes and sends them back.
    ///
    /// - Parameters:
    ///   - kernel: the system.
    ///   - buffer: the receive buffer, which all connections share because no data stays in it.
    mutating func step(_ kernel: any SystemCalls, _ buffer: inout [UInt8]) -> Step {
        if !unsent.isEmpty { return sendRest(kernel) }
        var span = buffer.mutableSpan
        // Safe: bytes have no padding, and the kernel writes no more than the span holds.
        let result = unsafe kernel.receive(descriptor, into: span.mutableBytes)
        if result.wouldBlock { return .waitsForBytes }
        if result.wasInterrupted { return .moved }
        guard result.rawValue > 0 else { return .isOver }
        // Safe: bytes have no padding, and the span ends with this call.
        let sent = unsafe kernel.send(descriptor, buffer.span.bytes.extracting(first: result.rawValue))
        guard sent.succeeded || sent.wouldBlock || sent.wasInterrupted else { return .isOver }
        let taken = max(0, sent.rawValue)
        if taken == result.rawValue { return .moved }
        unsent = Array(buffer[taken..<result.rawValue])
        return .waitsForRoom
    }

    private mutating func sendRest(_ kernel: any SystemCalls) -> Step {
        // Safe: bytes have no padding, and the span ends with this call.
        let sent = unsafe kernel.send(descriptor, unsent.span.bytes)
        if sent.wouldBlock { return .waitsForRoom }
        if sent.wasInterrupted { return .moved }
        guard sent.succeeded else { return .isOver }
        unsent.removeFirst(sent.rawValue)
        return unsent.isEmpty ? .moved : .waitsForRoom
    }
}
