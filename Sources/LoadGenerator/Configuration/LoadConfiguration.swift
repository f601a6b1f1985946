// The configuration of a load: plain values with defaults, and their validation.

public import Reactor

/// The configuration of a load.
///
///     var load = LoadConfiguration(address: try SocketAddress("127.0.0.1:7788"))
///     load.connections = 1_000
///     load.rate = 20_000
///     let result = try LoadGenerator.run(load)
///
/// Every connection exchanges one message during set-up, before measuring starts; those messages are not counted.
public struct LoadConfiguration: Sendable {
    /// The address of the echo server.
    public var address: SocketAddress
    /// What the load does with its connections. Default: ``LoadMode/echo``.
    public var mode = LoadMode.echo
    /// The number of concurrent connections. Default: 64.
    public var connections = 64
    /// The size of a message in bytes. Default: 64.
    public var size = 64
    /// The maximum number of messages in flight per connection; for ``LoadMode/echo``. Default: 1.
    public var depth = 1
    /// How long messages are sent or connections are held; echoes still due at the end are awaited. `nil` runs until
    /// ``LoadGenerator/stop()``. Default: 5 s.
    public var duration: Duration? = .seconds(5)
    /// The exact number of messages (in ``LoadMode/churn``: connections), overriding ``duration``. Default: `nil`.
    public var messages: Int?
    /// The number of messages per second over all connections, sent at constant intervals whether or not echoes come
    /// back (an open loop); for ``LoadMode/echo``. Default: `nil`, a closed loop: each echo triggers the next message.
    public var rate: Double?
    /// The back end of the loop that ``LoadGenerator/run(_:)`` creates. Default: epoll, level-triggered.
    public var backend = Backend.epoll()
    /// The time limit for establishing a connection, and again for its first echo. Default: 5 s.
    public var connectTimeout: Duration = .seconds(5)
    /// The maximum number of connections in set-up at a time, so that the server's backlog is not overrun. Not applied
    /// in ``LoadMode/churn``, where ``connections`` is the limit. Default: 200.
    public var connectingAtOnce = 200
    /// How long to wait at the end for echoes that are still due. Default: 5 s.
    public var patience: Duration = .seconds(5)

    /// Creates the default load on the echo server at an address.
    public init(address: SocketAddress) { self.address = address }

    /// The number of descriptors a process needs besides its connections: standard streams, selector, wake-up, signals,
    /// a file.
    public static let descriptorReserve = 32

    /// The upper bound of descriptor numbers for ``Backend/select``.
    private static let portableSelectLimit = 1024

    /// Checks that the values are valid, each by itself and in combination.
    ///
    /// - Parameter kernel: the kernel that reports the descriptor limit of the process. Default: Linux.
    /// - Throws: ``LoadConfigurationError``, which states the problem and the valid values.
    public func validate(on kernel: any Kernel = LinuxKernel.shared) throws(LoadConfigurationError) {
        guard address.port != 0 || address.isUnix else {
            throw LoadConfigurationError("port 0 is not a valid server port; use the port that the server listens on")
        }
        try Self.check("connections", connections, within: 1...10_000_000)
        try Self.check("size", size, within: 1...(64 * 1024 * 1024))
        try Self.check("depth", depth, within: 1...65_536)
        try Self.check("connecting at once", connectingAtOnce, within: 1...10_000_000)
        if let messages { try Self.check("messages", messages, within: 1...(.max)) }
        guard size * depth <= 1 << 30 else {
            throw LoadConfigurationError("size times depth exceeds 1 GiB per connection; lower one of them")
        }
        if let rate, !(rate >= 0.001 && rate <= 10_000_000) {
            throw LoadConfigurationError("rate of \(rate) messages/s is out of range; use 0.001 to 10,000,000")
        }
        if let duration, duration <= .zero { throw LoadConfigurationError("the duration must be above zero") }
        guard connectTimeout > .zero else { throw LoadConfigurationError("the connect timeout must be above zero") }
        if mode != .echo {
            if rate != nil { throw LoadConfigurationError("mode \(mode) takes no rate; use mode echo") }
            if depth != 1 { throw LoadConfigurationError("mode \(mode) takes no depth; use mode echo") }
        }
        if mode == .idle && messages != nil {
            throw LoadConfigurationError("mode idle sends no messages; use a duration instead of a number of messages")
        }
        if mode == .datagrams {
            if address.isUnix { throw LoadConfigurationError("mode datagrams needs an IP address with a port") }
            try Self.check("size of a datagram", size, within: 1...65_507)
        }
        try checkDescriptors(kernel.calls)
    }

    private func checkDescriptors(_ kernel: any SystemCalls) throws(LoadConfigurationError) {
        // A churned connection is closed in the turn after its successor has started.
        let needed = mode == .churn ? 2 * connections : connections
        if backend == .select, needed > Self.portableSelectLimit - Self.descriptorReserve {
            let most = Self.portableSelectLimit - Self.descriptorReserve
            throw LoadConfigurationError(
                "\(connections) connections in mode \(mode) need more than the \(most) descriptors that select can watch;"
                    + " use fewer, or \(Backend.unlimitedSelect), poll or epoll")
        }
        let limit = kernel.calls.descriptorLimit()
        if limit.succeeded, needed > limit.rawValue - Self.descriptorReserve {
            let most = max(0, limit.rawValue - Self.descriptorReserve) / (mode == .churn ? 2 : 1)
            throw LoadConfigurationError(
                "\(connections) connections are too many for this process's limit of \(limit.rawValue) descriptors;"
                    + " use at most \(most), or raise 'ulimit -n'")
        }
    }

    private static func check(
        _ name: String, _ value: Int, within range: ClosedRange<Int>
    ) throws(LoadConfigurationError) {
        guard !range.contains(value) else { return }
        let bound = value < range.lowerBound ? "at least \(range.lowerBound)" : "at most \(range.upperBound)"
        throw LoadConfigurationError("\(name) of \(value) is out of range; use \(bound)")
    }
}

/// An invalid ``LoadConfiguration``.
public struct LoadConfigurationError: Error, Sendable, CustomStringConvertible {
    /// One line: the problem, and the valid values.
    public let description: String

    init(_ description: String) { self.description = description }
}
