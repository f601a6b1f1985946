// Signals as events: blocked for the thread and read from a signalfd, so that a handler runs as ordinary code on the
// loop.

import SystemPackage

/// A watch of a signal. Created by ``EventLoop/watchSignal(_:_:)``.
public final class SignalWatch: EventSource {
    /// The watched signal.
    public let signal: Signal
    private var descriptor: OwnedDescriptor?
    private let wasBlocked: Bool
    private let handler: () -> Void

    init(
        loop: EventLoop, _ descriptor: consuming OwnedDescriptor, signal: Signal, wasBlocked: Bool,
        handler: @escaping () -> Void
    ) {
        let fd = descriptor.fd
        self.descriptor = consume descriptor
        self.signal = signal
        self.wasBlocked = wasBlocked
        self.handler = handler
        super.init(loop: loop, fd: fd)
    }

    /// Ends the watch and restores the signal's former effect on this thread.
    public func cancel() {
        guard isRegistered else { return }
        loop.deregister(self, closesAlone: true)
        descriptor.take()?.close(loop.kernel)
        end()
    }

    /// Restores the signal's former effect.
    private func end() {
        loop.watchedSignals.remove(signal)
        _ = loop.kernel.setForwarded(signal, false)
        if !wasBlocked { _ = loop.kernel.setBlocked(signal, false) }
    }

    override func ready(_ readiness: Readiness) {
        while isRegistered {
            let result = retryingInterrupts { loop.kernel.readSignal(fd) }
            guard result.succeeded else { return }
            loop.trace?.callback("\(signal)")
            handler()
            loop.callbackReturned(from: self)
        }
    }

    override func loopEnded() { cancel() }

    override func descriptorLost() {
        _ = descriptor.take()?.release()
        end()
        loop.report(.descriptorLost, "the descriptor for \(signal) was closed: the signal is no longer watched")
    }
}

extension EventLoop {
    /// Calls `handler` on the loop's thread whenever the process receives `signal`.
    ///
    /// The signal is blocked for the calling thread, which must be the loop's, until the watch ends. Other threads need
    /// not block it: the process gets a signal handler (sigaction(2)) that forwards the signal to the loop's thread. A
    /// system call that the other thread was in is restarted, or fails with `EINTR` if it is one that cannot be
    /// restarted (signal(7)). A handler that the process had for the signal is restored when the watch ends.
    ///
    /// ## Child processes
    ///
    /// A child inherits the signal mask of the thread that starts it, also through exec(3) (sigprocmask(2)): started
    /// from a loop's thread, it has the signals blocked that this loop watches, and `SIGPIPE` if the loop has sent a
    /// file. Start it from work given to ``offload(_:then:)``, or reset the mask (posix_spawnattr_setsigmask(3)).
    ///
    /// - Parameters:
    ///   - signal: the signal to watch.
    ///   - handler: called on the loop's thread.
    /// - Returns: The watch, which can be cancelled.
    /// - Throws: ``SocketError`` when no descriptor is available, this loop watches the signal already, or the signal
    ///   cannot be watched: numbers outside 1 to 64, `SIGKILL` and `SIGSTOP`, the signals of a thread's own faults
    ///   (`SIGSEGV` and the like), and those that the C library uses itself (32 and 33).
    @discardableResult
    public func watchSignal(_ signal: Signal, _ handler: @escaping () -> Void) throws(SocketError) -> SignalWatch {
        if let refusal = signal.refusal { throw SocketError(.signal, subject: "\(signal)", reason: refusal) }
        guard !watchedSignals.contains(signal) else {
            throw SocketError(.signal, subject: "\(signal)", reason: "this loop watches it already; cancel that watch")
        }
        let made = kernel.signalDescriptor(for: [signal])
        if let errno = made.errno { throw SocketError(.signal, subject: "\(signal)", errno: errno) }
        let wasBlocked = kernel.setBlocked(signal, true).rawValue == 1
        let watch = SignalWatch(
            loop: self, OwnedDescriptor(made.descriptor), signal: signal, wasBlocked: wasBlocked, handler: handler)
        do throws(SocketError) {
            try checkCapacity(for: made.descriptor)
            if let errno = kernel.setForwarded(signal, true).errno {
                throw SocketError(.signal, subject: "\(signal)", errno: errno)
            }
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
    /// Releases everything when the watch could not be registered.
    fileprivate func abandon() {
        descriptor.take()?.close(loop.kernel)
        if !wasBlocked { _ = loop.kernel.setBlocked(signal, false) }
    }
}
