// What a load is to be: plain values with defaults, and the check that they make sense together.

public import Reactor

/// What a load is to be.
///
///     var load = LoadConfiguration(address: try SocketAddress("127.0.0.1:7788"))
///     load.connections = 1_000
///     load.rate = 20_000
///     let result = try LoadGenerator.run(load)
///
/// Every connection exchanges one message while it is set up, before the time is taken; those messages are not counted.
public struct LoadConfiguration: Sendable {
    /// The echo server.
    public var address: SocketAddress
    /// What to do. Default: ``LoadMode/echo``.
    public var mode = LoadMode.echo
    /// Connections at once. Default: 64.
    public var connections = 64
    /// Bytes of a message. Default: 64.
    public var size = 64
    /// Messages that may be in flight on one connection; for ``LoadMode/echo``. Default: 1.
    public var depth = 1
    /// How long messages are sent, or connections held; echoes that are then still due are waited for. `nil` until
    /// ``LoadGenerator/stop()``. Default: 5 s.
    public var duration: Duration? = .seconds(5)
    /// Exactly so many messages (in ``LoadMode/churn``: connections), whatever ``duration`` says. Default: `nil`.
    public var messages: Int?
    /// Messages a second, all connections together, sent at constant intervals whether or not echoes come back (an open
    /// loop); for ``LoadMode/echo``. Default: `nil`, a closed loop: each echo is answered with the next message.
    public var rate: Double?
    /// The selector of the loop that ``LoadGenerator/run(_:)`` makes. Default: epoll, level-triggered.
    public var backend = Backend.epoll()
    /// How long a connection may take to be made, and again how long to its first echo. Default: 5 s.
    public var connectTimeout: Duration = .seconds(5)
    /// Connections that are being set up at once, so that the server's backlog is not overrun. In ``LoadMode/churn``
    /// there is no such limit: ``connections`` is what was asked for. Default: 200.
    public var connectingAtOnce = 200
    /// How long to wait at the end for echoes that are still due. Default: 5 s.
    public var patience: Duration = .seconds(5)

    /// The default load on the echo server at this address.
    public init(address: SocketAddress) { self.address = address }

    /// Descriptors that a process needs besides its connections: standard streams, selector, wake-up, signals, a file.
    public static let descriptorReserve = 32

    /// The descriptors below which ``Backend/select`` has to stay.
    private static let portableSelectLimit = 1024

    /// Checks that the values make sense, each and together.
    ///
    /// - Parameter kernel: is asked how many descriptors the process may have.
    /// - Throws: ``LoadConfigurationError``, which says what is wrong and what would be right.
    public func validate(on kernel: any Kernel = LinuxKernel.shared) throws(LoadConfigurationError) {
        guard address.port != 0 || address.isUnix else {
            throw LoadConfigurationError("port 0 is nobody's port; name the server's")
        }
        try Self.check("connections", connections, within: 1...10_000_000)
        try Self.check("size", size, within: 1...(64 * 1024 * 1024))
        try Self.check("depth", depth, within: 1...65_536)
        try Self.check("connecting at once", connectingAtOnce, within: 1...10_000_000)
        if let messages { try Self.check("messages", messages, within: 1...(.max)) }
        guard size * depth <= 1 << 30 else {
            throw LoadConfigurationError("size times depth is above 1 GiB a connection; lower one of them")
        }
        if let rate, !(rate >= 0.001 && rate <= 10_000_000) {
            throw LoadConfigurationError("a rate of \(rate) messages a second is out of range; use 0.001 to 10,000,000")
        }
        if let duration, duration <= .zero { throw LoadConfigurationError("the duration must be above zero") }
        guard connectTimeout > .zero else { throw LoadConfigurationError("the connect timeout must be above zero") }
        if mode != .echo {
            if rate != nil { throw LoadConfigurationError("mode \(mode) has no rate; only mode echo has") }
            if depth != 1 { throw LoadConfigurationError("mode \(mode) has no depth; only mode echo has") }
        }
        if mode == .idle && messages != nil {
            throw LoadConfigurationError("mode idle sends nothing; give a duration instead of a number of messages")
        }
        if mode == .datagrams {
            if address.isUnix { throw LoadConfigurationError("mode datagrams needs an address with a port") }
            try Self.check("size of a datagram", size, within: 1...65_507)
        }
        try checkDescriptors(kernel.calls)
    }

    private func checkDescriptors(_ kernel: any SystemCalls) throws(LoadConfigurationError) {
        // A churned connection is closed in the turn after the next has been begun.
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

/// Values of a ``LoadConfiguration`` that make no sense.
public struct LoadConfigurationError: Error, Sendable, CustomStringConvertible {
    /// One line: what is wrong, and what would be right.
    public let description: String

    init(_ description: String) { self.description = description }
}
