// What is tried about the queue of a listener, and what is seen meanwhile: values, which know no socket.

public import Reactor

/// An experiment with a listener that takes its time.
public struct BacklogPlan: Sendable {
    /// Where it listens. Default: a loopback port that the kernel chooses.
    public var address = SocketAddress.loopback(port: 0)
    /// What listen(2) is given.
    public var backlog = 3
    /// How many connects there are.
    public var connects = 8
    /// The time between two connects.
    public var connectPause = Duration.milliseconds(100)
    /// How long nothing is accepted, from the beginning. Default: `nil`, until all connects were tried, and half a second more.
    public var holdTime: Duration?
    /// The time between two accepts after that.
    public var acceptPause = Duration.milliseconds(200)
    /// Whether the listener is closed after the hold time, instead of accepting.
    public var closes = false
    /// When it ends in any case, from the beginning.
    public var limit = Duration.seconds(10)

    /// The defaults.
    public init() {}
}

/// Something that happened to one of the connects, or to the listener.
public struct BacklogEvent: Sendable, Encodable {
    /// What.
    public enum Kind: String, Sendable, Encodable {
        /// connect(2) was called, and nothing is known yet; never told.
        case began
        /// connect(2) has succeeded, or its handshake has.
        case connected
        /// There is no answer yet: the socket is in the state SYN_SENT.
        case hanging
        /// `EAGAIN`: the queue of a Unix socket is full.
        case turnedAway
        /// `ECONNREFUSED`, or another error.
        case refused
        /// accept(2) has taken it out of the queue.
        case accepted
        /// The listener was closed.
        case closed
        /// A connection that was in the queue of a listener that was closed.
        case reset
    }

    /// What happened.
    public let kind: Kind
    /// To which connect, from 1 on; 0 for the listener.
    public let connect: Int
    /// Milliseconds since the beginning.
    public let milliseconds: Double
    /// Milliseconds since this connect began; 0 for the listener.
    public let waited: Double
    /// The error, where there is one.
    public let reason: String?
    /// How many wait to be accepted now, as the kernel counts them; `nil` when the listener is closed.
    public let queue: Int?
    /// How many are connected for the client, but not in the queue.
    public let onlyClient: Int
    /// The connects that hang now.
    public let hanging: [Int]
}

/// How it ended.
public struct BacklogOutcome: Sendable, Encodable {
    /// Connects that were in the queue, or would have been, before the first accept.
    public var connectedWhileHeld = 0
    /// Connects that hung, or were turned away, before the first accept.
    public var waitingWhileHeld = 0
    /// Connects that were accepted.
    public var accepted = 0
    /// Connects that were refused.
    public var refused = 0
    /// Connections that were lost with the listener.
    public var reset = 0
    /// Connects that still waited at the end.
    public var unfinished = 0
}
