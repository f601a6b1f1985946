// The simulated kernel: its state, its descriptors, and the common part of all calls. The calls themselves are in the
// extensions beside this file, by family. The kernel knows system calls only, not loops, connections or handlers.

public import Reactor
package import SystemPackage

/// A kernel in memory with a virtual clock, in which everything follows from one seed.
///
/// Like every kernel, it belongs to one thread; only the functions returned by ``notifier(for:)`` may be called on
/// others.
///
/// ``Simulation`` is the convenient way to use it. To use it directly:
///
///     let kernel = SimulatedKernel(seed: 42, faults: .mild)
///     let loop = try EventLoop(backend: .poll, kernel: kernel)
public final class SimulatedKernel: SystemCalls {
    /// The seed of every random decision.
    public let seed: UInt64
    /// The probabilities of random faults. May be changed at any time.
    public var faults: Faults
    /// The maximum number of descriptors; opening another one fails with `EMFILE`. Default: 20,000.
    public var descriptorMaximum = 20_000
    /// The size of a new socket's send buffer in bytes, unless `SO_SNDBUF` overrides it; at least 1. Default: 64 KiB.
    public var sendBuffer = 64 * 1024
    /// The size of a new socket's receive buffer in bytes, unless `SO_RCVBUF` overrides it; at least 1. Default: 64
    /// KiB.
    public var receiveBuffer = 64 * 1024
    /// The cost of a system call in virtual nanoseconds; 0 to 1 s. Default: 300.
    public var callCost: Int64 = 300
    /// The number of idle waits in a virtual second that counts as spinning: waits that neither sleep nor follow any
    /// progress. Values below 1 disable the check. Default: 200.
    public var idleWaitsPerSecond = 200
    /// The record of the run so far.
    public internal(set) var trace: Trace
    /// Descriptions of what a correct program never does: closing twice, using a closed descriptor, spinning.
    public internal(set) var violations: [String] = []
    /// Whether the program waited indefinitely with no event pending. That wait returned `EINTR`.
    public internal(set) var isDeadlocked = false
    /// The number of fallible calls made so far.
    public internal(set) var fallibleCalls = 0
    /// The fallible calls in order, if ``recordsCalls`` is set.
    public internal(set) var calls: [KernelCall] = []
    /// Whether ``calls`` is recorded. Default: `false`.
    public var recordsCalls = false
    /// The number of forks that the kernel reports for this process.
    public var forks: UInt32 = 0

    let clock = VirtualClock()
    var random: SeededGenerator
    var plan = FaultPlan()
    var files: [SimulatedFile?] = [NullFile(), NullFile(), NullFile()]
    private var lowestFree = 3
    private(set) var openDescriptors = 0
    /// Interrupts a sleeping wait, as a signal would, once it returns `true`; set by an outside observer.
    var endsSleep: (() -> Bool)?
    var counters: [EventCounter] = []
    var signalQueues: [SignalQueue] = []
    var listeners: [SimulatedSocket] = []
    var boundPorts: Set<UInt16> = []
    var sockets: [SimulatedSocket] = []
    /// The open datagram sockets, including those of peers.
    var datagramSockets: [SimulatedDatagramSocket] = []
    var routes: [SocketAddress: SimulatedRoute] = [:]
    var nextPort: UInt16 = 32_768
    var blockedSignals: Set<Signal> = []
    var pendingSignals: Set<Signal> = []
    /// The file system: Unix sockets and files created by the test.
    var paths: [FilePath: PathStatus] = [:]
    var lastInode: UInt64 = 0
    var spin = SpinDetector()

    /// Creates a kernel.
    ///
    /// - Parameters:
    ///   - seed: the seed of every random decision.
    ///   - faults: the probabilities of random faults. Default: none.
    ///   - traceLength: the number of events that ``trace`` keeps. Default: 200.
    public init(seed: UInt64, faults: Faults = .none, traceLength: Int = 200) {
        self.seed = seed
        self.faults = faults
        random = SeededGenerator(seed: seed)
        trace = Trace(capacity: traceLength)
    }

    deinit {
        clock.removeAll()
        for socket in sockets { socket.forget() }
        for socket in datagramSockets { socket.onWake = nil }
    }

    // MARK: Time

    /// Returns the virtual time.
    public func now() -> MonotonicTime { MonotonicTime(nanoseconds: clock.now) }

    /// Returns the virtual time in nanoseconds.
    public func ticks() -> UInt64 { UInt64(clock.now) }

    /// Lets virtual time pass, as a computing handler would.
    public func spend(_ time: Duration) {
        clock.spend(time.wholeNanoseconds)
    }

    /// Schedules an action of the world after a delay; it runs while the program waits.
    public func after(_ time: Duration, _ action: @escaping () -> Void) {
        clock.after(time.wholeNanoseconds, action)
    }

    /// Runs the world without the program, until no event is pending or the time is over.
    public func settle(for time: Duration) {
        let end = now().advanced(by: time).nanoseconds
        while clock.advance(to: end) {}
    }

    // MARK: Descriptors

    /// The number of open descriptors, apart from the standard streams.
    public var openDescriptorCount: Int { openDescriptors }

    /// The open descriptors and the types of their files.
    public var openDescriptorNames: String {
        files.indices.dropFirst(3).compactMap { number in files[number].map { "\(number) (\(type(of: $0)))" } }
            .joined(separator: ", ")
    }

    /// Opens a file under the lowest free descriptor number.
    func open(_ file: @autoclosure () -> SimulatedFile) -> SystemResult {
        if openDescriptors + 3 >= descriptorMaximum { return SystemResult(.tooManyOpenFiles) }
        while lowestFree < files.count && files[lowestFree] != nil { lowestFree += 1 }
        let number = lowestFree
        let file = file()
        file.references += 1
        if number == files.count { files.append(file) } else { files[number] = file }
        lowestFree += 1
        openDescriptors += 1
        return SystemResult(number)
    }

    /// Returns the file behind a descriptor.
    func file(_ descriptor: CInt) -> SimulatedFile? {
        descriptor >= 0 && Int(descriptor) < files.count ? files[Int(descriptor)] : nil
    }

    /// Returns the TCP or Unix socket behind a descriptor; a descriptor that is not open is a violation.
    func socket(_ descriptor: FileDescriptor, _ call: KernelCall) -> SimulatedSocket? {
        guard let socket = endpoint(descriptor, call) as? SimulatedSocket else { return nil }
        return socket.isTerminal && call != .sendFile ? nil : socket
    }

    /// Returns the socket behind a descriptor, of any kind.
    func endpoint(_ descriptor: FileDescriptor, _ call: KernelCall) -> SimulatedEndpoint? {
        guard let file = file(descriptor.rawValue) else {
            violate("\(call) on descriptor \(descriptor.rawValue), which is not open")
            return nil
        }
        return file as? SimulatedEndpoint
    }

    /// Duplicates a descriptor (dup(2)).
    package func duplicate(_ descriptor: FileDescriptor) -> SystemResult {
        guard let file = file(descriptor.rawValue) else { return SystemResult(.badFileDescriptor) }
        return open(file)
    }

    /// close(2).
    package func close(_ descriptor: FileDescriptor) -> SystemResult {
        let number = Int(descriptor.rawValue)
        guard let file = file(descriptor.rawValue), number > 2 else {
            violate("close of descriptor \(number), which is not open")
            return leave(.close, descriptor.rawValue, SystemResult(.badFileDescriptor))
        }
        spin.noteProgress()
        files[number] = nil
        lowestFree = min(lowestFree, number)
        openDescriptors -= 1
        file.references -= 1
        if file.references == 0 {
            for watch in file.watches { watch.set.remove(watch) }
            file.watches = []
            file.released()
        }
        // The descriptor is released even when the call reports an error (close(2)).
        if let errno = fault(.close) { return leave(.close, descriptor.rawValue, SystemResult(errno)) }
        return leave(.close, descriptor.rawValue, SystemResult(0))
    }

    /// Makes standard input a regular file with these bytes, as `program < file` does.
    public func setStandardInput(_ bytes: [UInt8]) { files[0] = RegularFile(bytes) }

    /// The number of writes to an eventfd after it was closed.
    public var lateNotifications: Int {
        counters.reduce(0) { $0 + $1.count.lateWrites.load(ordering: .sequentiallyConsistent) }
    }

    // MARK: Common to all calls

    /// Begins a fallible call; returns the error it is to fail with, by planned or random fault.
    func fault(_ call: KernelCall) -> Errno? {
        clock.spend(min(callCost, 1_000_000_000))
        fallibleCalls += 1
        if recordsCalls { calls.append(call) }
        guard let errno = plan.next(call, fallibleCalls) ?? chanceFault(call) else { return nil }
        spin.noteProgress()
        return errno
    }

    /// Ends a call and records it in the trace.
    @discardableResult
    func leave(_ call: KernelCall, _ descriptor: CInt, _ result: SystemResult, argument: Int = 0) -> SystemResult {
        trace.note(
            Trace.Event(
                time: clock.now, call: call, text: nil, descriptor: descriptor, argument: argument,
                result: result.rawValue))
        return result
    }

    /// Records an event other than a system call.
    func note(_ text: String) {
        trace.note(Trace.Event(time: clock.now, call: nil, text: text, descriptor: -1, argument: 0, result: 0))
    }

    /// Records a violation: something that a correct program never does.
    func violate(_ text: String) {
        note("VIOLATION: " + text)
        if violations.count < 100 { violations.append(text) }
    }
}
