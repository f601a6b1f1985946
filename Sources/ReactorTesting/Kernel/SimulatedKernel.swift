// The simulated kernel: its state, its descriptors, and what every call has in common. The calls themselves stand in the
// files beside this one, by family. It knows nothing of loops, connections and handlers: only of system calls.

public import Reactor
public import SystemPackage

/// A kernel in memory, with a clock of its own, in which everything follows from one seed.
///
/// It is used on one thread, like every kernel; only what ``notifier(for:)`` makes may be called on others.
///
/// ``Simulation`` is the comfortable way to use it. By itself:
///
///     let kernel = SimulatedKernel(seed: 42, faults: .mild)
///     let loop = try EventLoop(backend: .poll, kernel: kernel)
public final class SimulatedKernel: SystemCalls {
    /// The seed that everything follows from.
    public let seed: UInt64
    /// What goes wrong by chance. May be changed at any time.
    public var faults: Faults
    /// How many descriptors there may be; the next one fails with `EMFILE`.
    public var descriptorMaximum = 20_000
    /// Bytes of the send buffer of a new socket, unless `SO_SNDBUF` says otherwise; at least 1.
    public var sendBuffer = 64 * 1024
    /// Bytes of the receive buffer of a new socket, unless `SO_RCVBUF` says otherwise; at least 1.
    public var receiveBuffer = 64 * 1024
    /// Nanoseconds that a system call takes; 0 to a second.
    public var callCost: Int64 = 300
    /// How often the program may wait in a virtual second without sleeping and without anything to do: more is a spin.
    /// Below 1, nothing is one.
    public var idleWaitsPerSecond = 200
    /// What happened.
    public internal(set) var trace: Trace
    /// What no program that is right would have done, in words: closing twice, using a closed descriptor, spinning.
    public internal(set) var violations: [String] = []
    /// Whether the program waited for ever although nothing was left to happen. That wait was answered with `EINTR`.
    public internal(set) var isDeadlocked = false
    /// How many calls were made that can fail.
    public internal(set) var fallibleCalls = 0
    /// The fallible calls in order, when ``recordsCalls`` is set.
    public internal(set) var calls: [KernelCall] = []
    /// Whether ``calls`` is kept.
    public var recordsCalls = false
    /// How often this process has forked, as it says.
    public var forks: UInt32 = 0

    let clock = VirtualClock()
    var random: SeededGenerator
    var plan = FaultPlan()
    var files: [SimulatedFile?] = [NullFile(), NullFile(), NullFile()]
    private var lowestFree = 3
    private(set) var openDescriptors = 0
    /// Ends a wait that sleeps, as a signal would: for whoever watches from outside.
    var endsSleep: (() -> Bool)?
    var counters: [EventCounter] = []
    var signalQueues: [SignalQueue] = []
    var listeners: [SimulatedSocket] = []
    var boundPorts: Set<UInt16> = []
    var sockets: [SimulatedSocket] = []
    /// The datagram sockets that are open, the peers' included.
    var datagramSockets: [SimulatedDatagramSocket] = []
    var routes: [SocketAddress: SimulatedRoute] = [:]
    var nextPort: UInt16 = 32_768
    var blockedSignals: Set<Signal> = []
    var pendingSignals: Set<Signal> = []
    /// The file system: Unix sockets and what else was put there.
    var paths: [FilePath: PathStatus] = [:]
    var lastInode: UInt64 = 0
    var spin = SpinDetector()

    /// A kernel in its first moment.
    ///
    /// - Parameters:
    ///   - seed: what everything follows from.
    ///   - faults: what goes wrong by chance.
    ///   - traceLength: how many of the last events ``trace`` keeps.
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

    /// The virtual clock.
    public func now() -> MonotonicTime { MonotonicTime(nanoseconds: clock.now) }

    /// Virtual nanoseconds.
    public func ticks() -> UInt64 { UInt64(clock.now) }

    /// Lets virtual time pass, as a handler that computes would.
    public func spend(_ time: Duration) {
        clock.spend(time.wholeNanoseconds)
    }

    /// Lets something happen after a time, while the program waits.
    public func after(_ time: Duration, _ action: @escaping () -> Void) {
        clock.after(time.wholeNanoseconds, action)
    }

    /// Lets the world go on without the program, until nothing happens or the time is over.
    public func settle(for time: Duration) {
        let end = now().advanced(by: time).nanoseconds
        while clock.advance(to: end) {}
    }

    // MARK: Descriptors

    /// How many descriptors are open, apart from standard input and output.
    public var openDescriptorCount: Int { openDescriptors }

    /// Which descriptors are open, and what they stand for.
    public var openDescriptorNames: String {
        files.indices.dropFirst(3).compactMap { number in files[number].map { "\(number) (\(type(of: $0)))" } }
            .joined(separator: ", ")
    }

    /// Gives a file the lowest number that is free.
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

    /// The file behind a descriptor.
    func file(_ descriptor: CInt) -> SimulatedFile? {
        descriptor >= 0 && Int(descriptor) < files.count ? files[Int(descriptor)] : nil
    }

    /// The TCP socket behind a descriptor; using one that is not open is a violation.
    func socket(_ descriptor: FileDescriptor, _ call: KernelCall) -> SimulatedSocket? {
        endpoint(descriptor, call) as? SimulatedSocket
    }

    /// The socket behind a descriptor, whatever its kind.
    func endpoint(_ descriptor: FileDescriptor, _ call: KernelCall) -> SimulatedEndpoint? {
        guard let file = file(descriptor.rawValue) else {
            violate("\(call) on descriptor \(descriptor.rawValue), which is not open")
            return nil
        }
        return file as? SimulatedEndpoint
    }

    /// Makes a second descriptor for the same file (dup(2)).
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
        // The descriptor is gone even when the call reports an error (close(2)).
        if let errno = fault(.close) { return leave(.close, descriptor.rawValue, SystemResult(errno)) }
        return leave(.close, descriptor.rawValue, SystemResult(0))
    }

    /// Makes standard input a regular file with these bytes, as `program < file` does.
    public func setStandardInput(_ bytes: [UInt8]) { files[0] = RegularFile(bytes) }

    /// How often an eventfd was written by another thread after it was closed.
    public var lateNotifications: Int {
        counters.reduce(0) { $0 + $1.count.lateWrites.load(ordering: .sequentiallyConsistent) }
    }

    // MARK: What every call has in common

    /// A call begins: whether it is to fail, by plan or by chance.
    func fault(_ call: KernelCall) -> Errno? {
        clock.spend(min(callCost, 1_000_000_000))
        fallibleCalls += 1
        if recordsCalls { calls.append(call) }
        guard let errno = plan.next(call, fallibleCalls) ?? chanceFault(call) else { return nil }
        spin.noteProgress()
        return errno
    }

    /// A call ends: it is noted.
    @discardableResult
    func leave(_ call: KernelCall, _ descriptor: CInt, _ result: SystemResult, argument: Int = 0) -> SystemResult {
        trace.note(
            Trace.Event(
                time: clock.now, call: call, text: nil, descriptor: descriptor, argument: argument,
                result: result.rawValue))
        return result
    }

    /// Notes something that is not a system call.
    func note(_ text: String) {
        trace.note(Trace.Event(time: clock.now, call: nil, text: text, descriptor: -1, argument: 0, result: 0))
    }

    /// Notes what a program that is right would not have done.
    func violate(_ text: String) {
        note("VIOLATION: " + text)
        if violations.count < 100 { violations.append(text) }
    }
}
