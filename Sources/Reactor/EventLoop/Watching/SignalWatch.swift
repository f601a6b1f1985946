// Signals as events: blocked for the thread and read from a signalfd, so that a handler runs as plain code on the loop.

import SystemPackage

/// A signal that a loop watches. Made by ``EventLoop/watchSignal(_:_:)``.
public final class SignalWatch: EventSource {
    /// The signal.
    public let signal: Signal
    private var descriptor: OwnedDescriptor?
    private let wasBlocked: Bool
    private let handler: () -> Void

    init(
        loop: EventLoop, _ descriptor: consuming OwnedDescriptor, signal: Signal, wasBlocked: Bool,
        handler: @escaping () -> Void
    ) {
        let name = descriptor.name
        self.descriptor = consume descriptor
        self.signal = signal
        self.wasBlocked = wasBlocked
        self.handler = handler
        super.init(loop: loop, name: name)
    }

    /// Ends the watch: the signal has its former effect on this thread again.
    public func cancel() {
        guard isRegistered else { return }
        loop.deregister(self, closesAlone: true)
        loop.watchedSignals.remove(signal)
        descriptor.take()?.close(loop.kernel)
        if !wasBlocked { _ = loop.kernel.setBlocked(signal, false) }
    }

    override func ready(_ readiness: Readiness) {
        while isRegistered {
            let result = retryingInterrupts { loop.kernel.readSignal(name) }
            guard result.succeeded else { return }
            loop.trace?.callback("\(signal)")
            handler()
            loop.callbackReturned(from: self)
        }
    }

    override func loopEnded() { cancel() }
}

extension EventLoop {
    /// Calls `handler` on the loop's thread whenever the process receives `signal`.
    ///
    /// The signal is blocked for the calling thread, which must be the loop's. In a process with more threads it has to be
    /// blocked in all of them, for it goes to any thread that does not block it (signal(7)): watch before they start.
    /// Threads of Swift's concurrency pool may begin with no signal blocked whatever the others do; a process that uses
    /// the pool forwards such a signal to the loop's thread, or does not watch it.
    /// - Throws: ``SocketError`` when no descriptor can be had, or the loop watches this signal already.
    @discardableResult
    public func watchSignal(_ signal: Signal, _ handler: @escaping () -> Void) throws(SocketError) -> SignalWatch {
        guard !watchedSignals.contains(signal) else {
            throw SocketError(.signal, subject: "\(signal)", reason: "this loop watches it already")
        }
        let made = kernel.signalDescriptor(for: [signal])
        if let errno = made.errno { throw SocketError(.signal, subject: "\(signal)", errno: errno) }
        let wasBlocked = kernel.setBlocked(signal, true).rawValue == 1
        let watch = SignalWatch(
            loop: self, OwnedDescriptor(made.descriptor), signal: signal, wasBlocked: wasBlocked, handler: handler)
        do throws(SocketError) {
            try checkCapacity(for: made.descriptor)
        } catch {
            watch.abandon()
            throw error
        }
        watchedSignals.insert(signal)
        register(watch, wanting: .readable)
        return watch
    }
}

extension SignalWatch {
    /// Gives everything back before the watch was registered.
    fileprivate func abandon() {
        descriptor.take()?.close(loop.kernel)
        if !wasBlocked { _ = loop.kernel.setBlocked(signal, false) }
    }
}
