// The load on a chat: members of one room, on one server or several, who speak in turn at a constant rate. Each message
// carries the time at which it was due, so that every delivery yields a latency.
//
//     connecting, some at a time --all are in--> settling, 1 s --> speaking --duration--> listening, 1 s --> finished

public import Reactor

/// The configuration of a chat load.
public struct ChatLoadConfiguration: Sendable {
    /// The addresses of the servers; members are distributed over them evenly.
    public var addresses: [SocketAddress]
    /// The number of members in the room, on all servers together. Default: 1,000.
    public var members = 1_000
    /// The number of members that stop reading when measuring starts. Default: 0.
    public var stalled = 0
    /// The number of messages per second over all members. Default: 10.
    public var rate = 10.0
    /// The size of a message in bytes. Default: 64.
    public var size = 64
    /// How long messages are sent. Default: 10 s.
    public var duration = Duration.seconds(10)

    /// Creates the default load on these servers.
    public init(addresses: [SocketAddress]) { self.addresses = addresses }

    /// The problem with the configuration, and the valid values; `nil` for a valid configuration.
    var mistake: String? {
        if addresses.isEmpty { return "no server address given; use at least one" }
        for (name, value, range) in [
            ("members", members, 1...10_000_000), ("stalled", stalled, 0...max(0, members)),
            ("size", size, 1...(1024 * 1024)),
        ] where !range.contains(value) {
            return "\(name) of \(value) is out of range; use \(range.lowerBound) to \(range.upperBound)"
        }
        if !(rate >= 0.001 && rate <= 1_000_000) {
            return "rate of \(rate) messages/s is out of range; use 0.001 to 1,000,000"
        }
        if duration <= .zero { return "the duration must be above zero" }
        return nil
    }
}

/// The result of a chat load.
public struct ChatLoadResult: Sendable {
    /// The deliveries of one kind.
    public struct Deliveries: Sendable {
        /// The number of expected deliveries.
        public let expected: Int
        /// The number of deliveries.
        public let count: Int
        /// The latency of the deliveries; `nil` when there were none.
        public let latency: LatencySummary?
    }

    /// Deliveries to members on the sender's server.
    public let local: Deliveries
    /// Deliveries to members on other servers.
    public let remote: Deliveries
    /// The number of reading members that lost their connection.
    public let lost: Int
    /// The number of stalled members that were dropped.
    public let stalledDropped: Int
    /// The reason why the load failed; `nil` if it did not.
    public let failure: String?
}

/// A load on a chat.
public final class ChatLoad {
    private let configuration: ChatLoadConfiguration
    private let loop: EventLoop
    private let finished: (ChatLoadResult) -> Void
    private var members: [ChatLoadMember] = []
    private var connected = 0
    private var said = 0
    private var start = MonotonicTime.never
    private var intervalNanoseconds: Int64 = 0
    private let (local, remote) = (LatencyRecorder(), LatencyRecorder())
    private var (localExpected, remoteExpected) = (0, 0)
    private var (localCount, remoteCount) = (0, 0)
    private var (lost, stalledDropped) = (0, 0)
    private var isOver = false

    /// The number of members that connect concurrently.
    private static let connectingAtOnce = 50
    /// The time within which all members must have joined.
    private static let patience = Duration.seconds(60)

    /// Creates a load that reports its result to `finished`.
    public init(
        _ configuration: ChatLoadConfiguration, on loop: EventLoop, finished: @escaping (ChatLoadResult) -> Void
    ) {
        self.configuration = configuration
        self.loop = loop
        self.finished = finished
    }

    /// Starts the load. An invalid configuration is reported as ``ChatLoadResult/failure`` in the next turn.
    public func begin() {
        if let mistake = configuration.mistake {
            loop.execute { [self] in finish(because: mistake) }
            return
        }
        for _ in 0..<min(Self.connectingAtOnce, configuration.members) { connectNext() }
        loop.schedule(after: Self.patience) { [self] in
            if connected < configuration.members { finish(because: "members joined within 60 s: \(connected)") }
        }
    }

    private func connectNext() {
        guard members.count < configuration.members, !isOver else { return }
        let number = members.count
        let server = number % configuration.addresses.count
        let stalls = number < configuration.stalled
        let member = ChatLoadMember(self, number: number, server: server, stalls: stalls)
        members.append(member)
        var limits = Limits()
        limits.idleTime = nil
        limits.keepAlive = nil
        if stalls { limits.receiveBuffer = 4096 }
        do throws(SocketError) {
            try loop.connect(
                to: configuration.addresses[server], limits: limits, framing: .lines(), handler: { _ in member },
                failed: { [self] in finish(because: "\($0)") })
        } catch {
            finish(because: "\(error)")
        }
    }

    // MARK: Events of members

    fileprivate func joined() {
        connected += 1
        connectNext()
        guard connected == configuration.members else { return }
        loop.schedule(after: .seconds(1)) { [self] in speak() }
    }

    fileprivate func refused() { finish(because: "the chat server rejected a member") }

    fileprivate func heard(_ sentNanoseconds: Int64, isLocal: Bool) {
        let latency = loop.kernel.now().nanoseconds - sentNanoseconds
        if isLocal { localCount += 1 } else { remoteCount += 1 }
        (isLocal ? local : remote).record(latency)
    }

    fileprivate func closed(_ member: ChatLoadMember, _ reason: CloseReason) {
        if isOver { return }
        if connected < configuration.members { return finish(because: "a member could not join: \(reason)") }
        if member.stalls { stalledDropped += 1 } else { lost += 1 }
    }

    // MARK: Speaking

    private func speak() {
        for member in members where member.stalls { member.stall() }
        start = loop.now
        intervalNanoseconds = Int64(1e9 / configuration.rate)
        let every = Duration.nanoseconds(intervalNanoseconds)
        let timer = loop.schedule(after: .zero, repeating: every) { [self] in sayDue() }
        loop.schedule(after: configuration.duration) { [self] in
            loop.cancel(timer)
            loop.schedule(after: .seconds(1)) { [self] in finish(because: nil) }
        }
    }

    /// Sends all messages that are due, each with its due time.
    private func sayDue() {
        let now = loop.now.nanoseconds
        while start.nanoseconds + Int64(said) * intervalNanoseconds <= now {
            let speakers = configuration.members - configuration.stalled
            // A stride that shares no factor with most numbers, so that all servers take turns.
            let member = members[configuration.stalled + said * 7 % max(1, speakers)]
            if member.say(at: start.nanoseconds + Int64(said) * intervalNanoseconds, size: configuration.size) {
                for other in members where other !== member && !other.stalls && !other.isGone {
                    if other.server == member.server { localExpected += 1 } else { remoteExpected += 1 }
                }
            }
            said += 1
        }
    }

    private func finish(because failure: String?) {
        guard !isOver else { return }
        isOver = true
        finished(
            ChatLoadResult(
                local: .init(expected: localExpected, count: localCount, latency: local.summary),
                remote: .init(expected: remoteExpected, count: remoteCount, latency: remote.summary),
                lost: lost, stalledDropped: stalledDropped, failure: failure))
    }
}

/// A member of the room.
private final class ChatLoadMember: MessageHandler {
    private let load: ChatLoad
    private let number: Int
    let server: Int
    let stalls: Bool
    private var connection: Connection?
    private var hasJoined = false
    private(set) var isGone = false

    init(_ load: ChatLoad, number: Int, server: Int, stalls: Bool) {
        self.load = load
        self.number = number
        self.server = server
        self.stalls = stalls
    }

    func stall() { connection?.pauseReading() }

    func say(at nanoseconds: Int64, size: Int) -> Bool {
        let text = "t\(nanoseconds) "
        guard let connection, !isGone else { return false }
        return connection.write(text + String(repeating: "x", count: max(0, size - text.utf8.count)) + "\n") == .taken
    }

    func connected(_ connection: Connection) {
        self.connection = connection
        connection.write("load\(number)\n")
    }

    /// Handles a line: `* you are in ...` confirms that this member is in; `<name> t123 xxx` or
    /// `<name@server> t123 xxx` is a message.
    func received(message: RawSpan, on connection: Connection) {
        guard let first = message.isEmpty ? nil : message.byte(at: 0) else { return }
        if !hasJoined, first == UInt8(ascii: "*"), message.byteCount > 6, message.byte(at: 2) == UInt8(ascii: "y") {
            hasJoined = true
            load.joined()
        }
        if !hasJoined, first == UInt8(ascii: "!") { load.refused() }
        guard first == UInt8(ascii: "<") else { return }
        var isLocal = true
        var time: Int64?
        for offset in 1..<message.byteCount {
            let byte = message.byte(at: offset)
            if let number = time {
                guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { break }
                time = number &* 10 &+ Int64(byte &- 48)
            } else if byte == UInt8(ascii: "@") {
                isLocal = false
            } else if byte == UInt8(ascii: "t"), message.byte(at: offset - 1) == UInt8(ascii: " ") {
                time = 0
            }
        }
        if let time, time > 0 { load.heard(time, isLocal: isLocal) }
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        isGone = true
        self.connection = nil
        load.closed(self, reason)
    }
}
