// Signals as an async sequence.

/// The signals that the process receives, as a sequence. Created by ``EventLoop/signals(_:)``.
public struct SignalSequence: AsyncSequence {
    fileprivate let inbox: SignalInbox

    /// Receives one signal after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let inbox: SignalInbox

        /// Returns the next signal.
        ///
        /// - Throws: ``WaitError/Kind/cancelled``; ``WaitError/Kind/loopEnded``.
        public func next(isolation actor: isolated (any Actor)?) async throws(WaitError) -> Signal? {
            try await inbox.next()
        }

        /// Returns the next signal.
        ///
        /// - Throws: ``WaitError/Kind/cancelled``; ``WaitError/Kind/loopEnded``.
        public nonisolated(nonsending) func next() async throws(WaitError) -> Signal? { try await inbox.next() }
    }

    /// Returns an iterator; signals that arrived since ``EventLoop/signals(_:)`` come first.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(inbox: inbox) }
}

extension EventLoop {
    /// Watches signals for as long as the sequence exists.
    ///
    ///     for try await signal in try loop.signals([.interrupt, .terminate]) { ... }
    ///
    /// Works like ``watchSignal(_:_:)``, which describes processes with several threads. As in the kernel, a signal
    /// that arrives repeatedly before it is received is reported once.
    ///
    /// - Parameter signals: the signals to watch.
    /// - Returns: The signals.
    /// - Throws: ``SocketError`` when no descriptor is available, or the loop already watches one of the signals.
    public func signals(_ signals: [Signal]) throws(SocketError) -> SignalSequence {
        let inbox = SignalInbox(self)
        for signal in signals {
            inbox.watches.append(try watchSignal(signal) { [weak inbox] in inbox?.arrived(signal) })
        }
        return SignalSequence(inbox: inbox)
    }
}

/// The signals that the task has not received yet.
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
