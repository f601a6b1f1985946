// One connection of a server that must not wait for any of them: what it has still to send is remembered, not waited for.
// This is all that a loop needs to serve many. It knows neither the loop nor how anybody finds out that it is ready.
//
//     reading --bytes, all sent--> reading
//        ^  \--bytes, some left--> writing --all sent--> reading
//        |                          (nothing is read meanwhile: whoever does not read is not listened to)
//        +--- end, or a failure, in either state --> over

import Reactor
import SystemPackage

/// The echo on a socket that does not wait.
struct NonBlockingEcho {
    /// What a step came to.
    enum Step {
        /// Something was done; there may be more to do.
        case moved
        /// There is nothing to read.
        case waitsForBytes
        /// The peer's window is full.
        case waitsForRoom
        /// The peer has no more to say and has got all of it, or it is gone.
        case isOver
    }

    let descriptor: FileDescriptor
    /// What the selector was told last.
    var interest = Interest.readable
    private var unsent: [UInt8] = []

    init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    /// Does one thing that can be done without waiting.
    ///
    /// - Parameter buffer: for what is received; one for all connections, because nothing stays in it.
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
