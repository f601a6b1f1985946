// Standard output, written to at the end of a turn with all that the turn has brought.

import Reactor
import SystemPackage

/// Text for standard output.
final class ChatOutput {
    private let loop: EventLoop
    private var waiting: [UInt8] = []
    private var willFlush = false
    /// Called before the output is written, to add what belongs at its end.
    var completed: (() -> String)?

    init(_ loop: EventLoop) { self.loop = loop }

    /// Writes text, soon. What is written when the loop ends is written at once.
    func write(_ text: String) {
        waiting += text.utf8
        if willFlush { return }
        willFlush = loop.execute { [self] in flush() }
        if !willFlush { flush() }
    }

    private func flush() {
        willFlush = false
        if let completed { waiting += completed().utf8 }
        var offset = 0
        while offset < waiting.count {
            // Safe: bytes have no padding.
            let result = unsafe loop.kernel.write(.standardOutput, waiting.span.bytes.extracting(offset...))
            if result.wasInterrupted { continue }
            if result.wouldBlock {
                // Somebody else has made it non-blocking: it is waited for here.
                let pollOut: Int16 = 4
                var entries = [PollEntry(descriptor: FileDescriptor.standardOutput.rawValue, events: pollOut)]
                var span = entries.mutableSpan
                _ = loop.kernel.poll(&span, timeout: WaitTimeout(nanoseconds: 100_000_000))
                continue
            }
            guard result.succeeded else { break }  // nobody reads it any more
            offset += result.rawValue
        }
        waiting = []
    }
}
