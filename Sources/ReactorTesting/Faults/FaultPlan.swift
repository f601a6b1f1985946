// Faults by plan and by chance: which call fails with what. A fault by chance is never one that the program could not
// have met on Linux at that moment.

public import SystemPackage

/// Faults that were asked for by name.
struct FaultPlan {
    private struct Order {
        var skip: Int
        var times: Int
        let errno: Errno
    }

    private var orders: [KernelCall: [Order]] = [:]
    private var numbered: [Int: Errno] = [:]
    private var isEmpty = true

    mutating func add(_ call: KernelCall, _ errno: Errno, after skip: Int, times: Int) {
        guard times > 0 else { return }
        orders[call, default: []].append(Order(skip: skip, times: times, errno: errno))
        isEmpty = false
    }

    mutating func add(number: Int, _ errno: Errno) {
        numbered[number] = errno
        isEmpty = false
    }

    mutating func remove(_ call: KernelCall) { orders[call] = nil }

    mutating func next(_ call: KernelCall, _ number: Int) -> Errno? {
        if isEmpty { return nil }
        if let errno = numbered[number] { return errno }
        guard var first = orders[call]?.first else { return nil }
        if first.skip > 0 {
            first.skip -= 1
            orders[call]?[0] = first
            return nil
        }
        first.times -= 1
        if first.times > 0 { orders[call]?[0] = first } else { orders[call]?.removeFirst() }
        return first.errno
    }
}

extension SimulatedKernel {
    /// Makes the next calls of a kind fail.
    ///
    /// - Parameters:
    ///   - call: the kind.
    ///   - errno: what they fail with.
    ///   - skip: how many are spared first; fewer than none are none.
    ///   - times: how many fail; none, if that is below 1.
    public func fail(_ call: KernelCall, with errno: Errno, after skip: Int = 0, times: Int = 1) {
        plan.add(call, errno, after: skip, times: times)
    }

    /// Makes one call fail by its number, counted from 1 over all fallible calls (``fallibleCalls``).
    public func failCall(number: Int, with errno: Errno) { plan.add(number: number, errno) }

    /// Ends the faults that were planned for a kind of calls.
    public func heal(_ call: KernelCall) { plan.remove(call) }

    /// A fault by chance.
    func chanceFault(_ call: KernelCall) -> Errno? {
        switch call {
        case .wait, .connect, .clearNotifications, .readSignal, .read, .write:
            return interrupted()
        case .accept:
            if let errno = interrupted() ?? outOfDescriptors() ?? outOfMemory() { return errno }
            if blocksByChance() { return .resourceTemporarilyUnavailable }
            return random.chance(faults.abortedAccept) ? .connectionAbort : nil
        case .receive, .receiveDatagrams, .peek:
            return interrupted() ?? (blocksByChance() ? .resourceTemporarilyUnavailable : nil)
        case .send, .sendDatagrams, .sendFile:
            if let errno = interrupted() ?? outOfMemory() { return errno }
            return blocksByChance() ? .resourceTemporarilyUnavailable : nil
        case .socket, .reserve, .lockDirectory:
            return outOfDescriptors() ?? outOfMemory()
        case .epollControl:
            return random.chance(faults.failingRegistration) ? (random.chance(0.5) ? .noMemory : .noSpace) : nil
        case .epollCreate, .bind, .listen, .localAddress, .peerAddress, .peerCredentials, .pathStatus, .unlink,
            .setPermissions, .setOption, .setMulticast, .setResetOnClose, .pendingError, .unacknowledged, .shutdown,
            .close,
            .eventDescriptor, .signalDescriptor:
            return nil
        }
    }

    /// Never certain, so that whoever calls again comes through at last.
    private func interrupted() -> Errno? { random.chance(min(faults.interruption, 0.95)) ? .interrupted : nil }

    private func blocksByChance() -> Bool { random.chance(min(faults.wouldBlock, 0.95)) }

    private func outOfDescriptors() -> Errno? {
        guard random.chance(faults.outOfDescriptors) else { return nil }
        return random.chance(0.5) ? .tooManyOpenFiles : .tooManyOpenFilesInSystem
    }

    private func outOfMemory() -> Errno? {
        guard random.chance(faults.outOfMemory) else { return nil }
        return random.chance(0.5) ? .noBufferSpace : .noMemory
    }

    // MARK: The network

    /// How long the next segment takes.
    func delay() -> Int64 { min(max(0, Int64(random.number(in: faults.delay))), Self.longestDelay) }

    /// A year: several of them are still far from the end of the clock.
    private static let longestDelay: Int64 = 365 * 86_400 * 1_000_000_000

    /// How large the next segment is.
    func segmentSize() -> Int { max(1, random.number(in: faults.segment)) }

    /// Whether the connection is lost now.
    func losesConnection() -> Bool { random.chance(faults.reset) }
}
