// The parameters of a backlog experiment, its events and its outcome: plain values, independent of sockets.

package import Reactor

/// The parameters of an experiment with a listener that delays its accepts.
package struct BacklogPlan: Sendable {
    /// The address to listen on. Default: a loopback port chosen by the kernel.
    package var address = SocketAddress.loopback(port: 0)
    /// The backlog passed to listen(2). Default: 3.
    package var backlog = 3
    /// The number of connects. Default: 8.
    package var connects = 8
    /// The time between two connects. Default: 100 ms.
    package var connectPause = Duration.milliseconds(100)
    /// How long nothing is accepted, from the beginning. Default: `nil`, until half a second after the last connect.
    package var holdTime: Duration?
    /// The time between two accepts after the hold time. Default: 200 ms.
    package var acceptPause = Duration.milliseconds(200)
    /// Whether the listener is closed after the hold time, instead of accepting. Default: no.
    package var closes = false
    /// The time limit, from the beginning. Default: 10 s.
    package var limit = Duration.seconds(10)

    /// Creates the default plan.
    package init() {}
}

/// An event of one connect, or of the listener.
package struct BacklogEvent: Sendable, Encodable {
    /// The kind of an event.
    package enum Kind: String, Sendable, Encodable {
        /// connect(2) was called, and the result is still open; never reported.
        case began
        /// The connection is established.
        case connected
        /// The SYN got no reply so far: the socket is in the state SYN_SENT.
        case hanging
        /// `EAGAIN`: the queue of a Unix socket is full.
        case turnedAway
        /// `ECONNREFUSED`, or another error.
        case refused
        /// accept(2) has taken the connection from the queue.
        case accepted
        /// The listener was closed.
        case closed
        /// A queued connection was reset because its listener was closed.
        case reset
    }

    /// The kind of event.
    package let kind: Kind
    /// The number of the connect, from 1; 0 for the listener.
    package let connect: Int
    /// Milliseconds since the beginning.
    package let milliseconds: Double
    /// Milliseconds since this connect began; 0 for the listener.
    package let waited: Double
    /// The error, if any.
    package let reason: String?
    /// The length of the accept queue, as the kernel reports it; `nil` once the listener is closed.
    package let queue: Int?
    /// The number of connections established for the client only, outside of the queue.
    package let onlyClient: Int
    /// The numbers of the connects that are hanging.
    package let hanging: [Int]
}

/// The outcome of an experiment.
package struct BacklogOutcome: Sendable, Encodable {
    /// Connects established before the first accept.
    package var connectedWhileHeld = 0
    /// Connects hanging, or turned away, before the first accept.
    package var waitingWhileHeld = 0
    /// Connections accepted.
    package var accepted = 0
    /// Connects refused.
    package var refused = 0
    /// Connections lost with the listener.
    package var reset = 0
    /// Connects still pending at the end.
    package var unfinished = 0
}
