// Standard output, written to at the end of a turn with all that the turn has brought.

import Reactor

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
        StandardOutput.write(waiting.span)
        waiting = []
    }
}
