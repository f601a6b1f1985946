// Standard output, written once per turn of the loop with all text of that turn.

import Reactor

/// A buffer for standard output that is flushed at the end of each turn.
final class ChatOutput {
    private let loop: EventLoop
    private var waiting: [UInt8] = []
    private var willFlush = false
    /// Called before each flush; returns text to append.
    var completed: (() -> String)?

    init(_ loop: EventLoop) { self.loop = loop }

    /// Queues text for the end of the turn. Once the loop has ended, the text is written at once.
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
