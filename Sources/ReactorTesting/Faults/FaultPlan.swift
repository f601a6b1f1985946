// Planned and random faults: which call fails with which error. A random fault is always one that the program could
// have met on Linux at that moment.

public import SystemPackage

/// The faults that a test requested explicitly.
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
    ///   - call: the kind of call.
    ///   - errno: the error they fail with.
    ///   - skip: the number of calls that succeed first; negative values count as 0. Default: 0.
    ///   - times: the number of calls that fail; values below 1 plan no fault. Default: 1.
    public func fail(_ call: KernelCall, with errno: Errno, after skip: Int = 0, times: Int = 1) {
        plan.add(call, errno, after: skip, times: times)
    }

    /// Makes the call with this number fail, counted from 1 over all fallible calls (``fallibleCalls``).
    public func failCall(number: Int, with errno: Errno) { plan.add(number: number, errno) }

    /// Cancels the planned faults of a kind of call.
    public func heal(_ call: KernelCall) { plan.remove(call) }

    /// Returns a random fault for a call, or `nil`.
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

    /// Stays below certainty, so that a caller who retries eventually succeeds.
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

    /// Returns the transit time of the next segment, in nanoseconds.
    func delay() -> Int64 { min(max(0, Int64(random.number(in: faults.delay))), Self.longestDelay) }

    /// A year: a sum of several stays far below the end of the clock.
    private static let longestDelay: Int64 = 365 * 86_400 * 1_000_000_000

    /// Returns the size of the next segment, in bytes.
    func segmentSize() -> Int { max(1, random.number(in: faults.segment)) }

    /// Returns whether the connection is lost now.
    func losesConnection() -> Bool { random.chance(faults.reset) }
}
