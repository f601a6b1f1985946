// Descriptors that are no sockets: the wake-up, signals, the reserve, and plain reads and writes.

public import Reactor
public import SystemPackage

extension SimulatedKernel {
    /// read(2).
    package func read(_ descriptor: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        if let file = file(descriptor.rawValue) as? SimulatedRegularFile {
            return read(descriptor, file, into: buffer)
        }
        if let errno = fault(.read) { return leave(.read, descriptor.rawValue, SystemResult(errno)) }
        guard let file = file(descriptor.rawValue) else {
            violate("read of descriptor \(descriptor.rawValue), which is not open")
            return leave(.read, descriptor.rawValue, SystemResult(.badFileDescriptor))
        }
        if let file = file as? RegularFile {
            spin.noteProgress()
            // Safe: the callee writes within the bounds of the buffer it is given.
            return leave(
                .read, descriptor.rawValue, unsafe buffer.withUnsafeMutableBytes { unsafe file.read(into: $0) })
        }
        guard let socket = file as? SimulatedSocket else { return leave(.read, descriptor.rawValue, SystemResult(0)) }
        // Safe: the callee writes within the bounds of the buffer it is given.
        let result = unsafe buffer.withUnsafeMutableBytes { unsafe socket.receive(into: $0) }
        return leave(.read, descriptor.rawValue, result)
    }

    /// write(2).
    package func write(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        if let errno = fault(.write) { return leave(.write, descriptor.rawValue, SystemResult(errno)) }
        guard let file = file(descriptor.rawValue) else {
            violate("write to descriptor \(descriptor.rawValue), which is not open")
            return leave(.write, descriptor.rawValue, SystemResult(.badFileDescriptor))
        }
        guard let socket = file as? SimulatedSocket else {
            return leave(.write, descriptor.rawValue, SystemResult(bytes.byteCount))
        }
        // Safe: the callee copies within the bounds of the bytes it is given.
        return leave(.write, descriptor.rawValue, unsafe bytes.withUnsafeBytes { unsafe socket.send($0) })
    }

    /// A descriptor that stands for nothing.
    package func reserveDescriptor() -> SystemResult {
        if let errno = fault(.reserve) { return leave(.reserve, -1, SystemResult(errno)) }
        return leave(.reserve, -1, open(NullFile()))
    }

    /// ``descriptorMaximum``.
    package func descriptorLimit() -> SystemResult { SystemResult(descriptorMaximum) }

    /// ``forks``.
    public func forkCount() -> UInt32 { forks }

    // MARK: Wake-up

    /// eventfd(2).
    package func eventDescriptor() -> SystemResult {
        if let errno = fault(.eventDescriptor) { return leave(.eventDescriptor, -1, SystemResult(errno)) }
        let counter = EventCounter()
        let result = open(counter)
        if result.succeeded { counters.append(counter) }
        return leave(.eventDescriptor, -1, result)
    }

    /// What adds one to an eventfd, on any thread. A wait that sleeps already does not hear of it before something else
    /// happens in the world.
    package func notifier(for event: FileDescriptor) -> @Sendable () -> SystemResult {
        guard let counter = file(event.rawValue) as? EventCounter else {
            return { SystemResult(.badFileDescriptor) }
        }
        let count = counter.count
        return {
            if count.isClosed.load(ordering: .sequentiallyConsistent) {
                count.lateWrites.add(1, ordering: .sequentiallyConsistent)
                return SystemResult(.badFileDescriptor)
            }
            count.value.add(1, ordering: .sequentiallyConsistent)
            count.isNews.store(true, ordering: .sequentiallyConsistent)
            return SystemResult(8)
        }
    }

    /// Sets an eventfd back to zero.
    package func clearNotifications(_ event: FileDescriptor) -> SystemResult {
        if let errno = fault(.clearNotifications) {
            if errno.faultClass == .wouldBlock, let file = file(event.rawValue) { wakeLater(file, .readable) }
            return leave(.clearNotifications, event.rawValue, SystemResult(errno))
        }
        guard let counter = file(event.rawValue) as? EventCounter else {
            violate("an eventfd is read that is not open: \(event.rawValue)")
            return leave(.clearNotifications, event.rawValue, SystemResult(.badFileDescriptor))
        }
        let count = counter.count.value.exchange(0, ordering: .sequentiallyConsistent)
        if count > 0 { spin.noteProgress() }
        return leave(
            .clearNotifications, event.rawValue,
            count > 0 ? SystemResult(8) : SystemResult(.resourceTemporarilyUnavailable))
    }

    // MARK: Signals

    /// signalfd(2).
    package func signalDescriptor(for signals: [Signal]) -> SystemResult {
        if let errno = fault(.signalDescriptor) { return leave(.signalDescriptor, -1, SystemResult(errno)) }
        let queue = SignalQueue(signals: signals)
        let result = open(queue)
        if result.succeeded { signalQueues.append(queue) }
        return leave(.signalDescriptor, -1, result)
    }

    /// Takes one signal from a signalfd.
    package func readSignal(_ descriptor: FileDescriptor) -> SystemResult {
        if let errno = fault(.readSignal) {
            if errno.faultClass == .wouldBlock, let file = file(descriptor.rawValue) { wakeLater(file, .readable) }
            return leave(.readSignal, descriptor.rawValue, SystemResult(errno))
        }
        guard let queue = file(descriptor.rawValue) as? SignalQueue else {
            violate("a signalfd is read that is not open: \(descriptor.rawValue)")
            return leave(.readSignal, descriptor.rawValue, SystemResult(.badFileDescriptor))
        }
        guard let signal = queue.take() else {
            return leave(.readSignal, descriptor.rawValue, SystemResult(.resourceTemporarilyUnavailable))
        }
        spin.noteProgress()
        return leave(.readSignal, descriptor.rawValue, SystemResult(Int(signal.rawValue)))
    }

    /// pthread_sigmask(3), noted.
    package func setBlocked(_ signal: Signal, _ blocked: Bool) -> SystemResult {
        let was = blockedSignals.contains(signal)
        if !blocked, pendingSignals.contains(signal) { violate("\(signal) was unblocked while one was pending") }
        if blocked { blockedSignals.insert(signal) } else { blockedSignals.remove(signal) }
        return SystemResult(was ? 1 : 0)
    }

    /// There is one thread.
    package func setForwarded(_ signal: Signal, _ forwarded: Bool) -> SystemResult { SystemResult(0) }

    /// Sends the simulated process a signal. One that nobody watches is a violation: it would have ended the process.
    public func raise(_ signal: Signal) {
        note("\(signal) arrives")
        if !blockedSignals.contains(signal) { violate("\(signal) was not blocked: it ended the process") }
        for queue in signalQueues where queue.references > 0 { queue.raise(signal) }
    }
}
