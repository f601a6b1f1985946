// Signals, for a task that waits for them.

/// The signals that the process receives. Made by ``EventLoop/signals(_:)``.
public struct SignalSequence: AsyncSequence {
    fileprivate let inbox: SignalInbox

    /// Waits for one signal after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let inbox: SignalInbox

        /// The next signal. Throws when the task is cancelled or the loop ends.
        public func next(isolation actor: isolated (any Actor)?) async throws(WaitError) -> Signal? {
            try await inbox.next()
        }

        /// The next signal. Throws when the task is cancelled or the loop ends.
        public nonisolated(nonsending) func next() async throws(WaitError) -> Signal? { try await inbox.next() }
    }

    /// Begins to wait. Signals that came since ``EventLoop/signals(_:)`` come first.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(inbox: inbox) }
}

extension EventLoop {
    /// Watches signals, until the sequence is gone.
    ///
    ///     for try await signal in try loop.signals([.interrupt, .terminate]) { ... }
    ///
    /// As ``watchSignal(_:_:)``, with what it says about processes of several threads. Like the kernel, it tells of a signal
    /// once, however often it came before somebody asked.
    /// - Throws: ``SocketError`` when no descriptor can be had, or the loop watches one of them already.
    public func signals(_ signals: [Signal]) throws(SocketError) -> SignalSequence {
        let inbox = SignalInbox(self)
        for signal in signals {
            inbox.watches.append(try watchSignal(signal) { [weak inbox] in inbox?.arrived(signal) })
        }
        return SignalSequence(inbox: inbox)
    }
}

/// Signals that have come and were not asked for yet.
private final class SignalInbox: Suspension {
    private let loop: EventLoop
    var watches: [SignalWatch] = []
    private var arrived: [Signal] = []

    init(_ loop: EventLoop) { self.loop = loop }

    deinit {
        for watch in watches { watch.cancel() }
    }

    func arrived(_ signal: Signal) {
        if !arrived.contains(signal) { arrived.append(signal) }
        loop.executor.resume(self)
    }

    nonisolated(nonsending) func next() async throws(WaitError) -> Signal {
        while arrived.isEmpty {
            if loop.isShutDown { throw .loopEnded }
            let wait = loop.executor.note(self)
            await loop.waitCancellably(self)
            loop.executor.forget(wait)
            if wasCancelled { throw .cancelled }
        }
        return arrived.removeFirst()
    }
}
