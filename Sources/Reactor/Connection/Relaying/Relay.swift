// Two connections that forward to each other. Each has a `RelaySide` as its handler; the relay knows when both are over.
//
//     one direction, from A to B:
//
//       flowing --B above its high watermark--> reading of A paused --B at its low watermark--> flowing
//          |
//          +--end of A's stream--> B sends its queue, then half-closes --> over
//
//     the pair:
//
//       running --A's and B's stream have ended, both queues sent--> both close as ended --------------+--> completed
//          |                                                                                           |
//          +--A ended early:  A's stream was complete, or A.close(): B.close() after its queue --------+
//                             idle: B ends as idle                                                     |
//                             otherwise: B is reset ---------------------------------------------------+

/// Two connections that forward to each other what they receive; created by
/// ``Connection/relay(to:first:completed:)``.
///
/// Confined to the loop's thread. It lives as long as one of the connections; closing or aborting one of them ends it.
public final class Relay {
    /// The connection on which ``Connection/relay(to:first:completed:)`` was called.
    public let connection: Connection
    /// The connection that was passed to it.
    public let other: Connection
    /// The number of bytes forwarded from ``connection`` to ``other``.
    public var bytesForwarded: Int { forward.count }
    /// The number of bytes forwarded from ``other`` to ``connection``.
    public var bytesReturned: Int { back.count }

    private let forward: RelaySide
    private let back: RelaySide
    private var cause: CloseReason?
    private var sidesLeft = 2
    private var completed: ((RelayResult) -> Void)?

    init(_ connection: Connection, _ other: Connection, _ completed: @escaping (RelayResult) -> Void) {
        self.connection = connection
        self.other = other
        self.completed = completed
        forward = RelaySide(own: connection, other: other)
        back = RelaySide(own: other, other: connection)
    }

    /// Takes over both connections.
    func start(first: [UInt8]) {
        for side in [forward, back] {
            precondition(side.own.hasHandler || side.own.isClosed, "relay(to:) was called before the handler exists")
            side.relay = self
        }
        // All of these before any of the next: a side that has closed already ends the other.
        let living = [forward, back].filter { $0.own.hasHandler }
        for side in living { side.takeOver() }
        unsafe forward.give(first.span.bytes)  // safe: a UInt8 has no padding that would be uninitialized
        for side in living { side.begin() }
        for side in [forward, back] where !side.own.hasHandler {
            // `closed` was called before: no callback follows.
            sideClosed(side, side.own.closeReason ?? CloseReason(.closed), isLate: true)
        }
    }

    /// Handles the close of one side: ends the other if it does not end by itself, and completes the relay after both.
    func sideClosed(_ side: RelaySide, _ reason: CloseReason, isLate: Bool = false) {
        if cause == nil || cause?.kind == .ended { cause = reason }
        side.reason = reason
        sidesLeft -= 1
        side.endOther(reason)
        guard sidesLeft == 0, let completed else { return }
        self.completed = nil
        let result = RelayResult(
            cause: cause ?? reason, isComplete: forward.isComplete && back.isComplete,
            bytesForwarded: forward.count, bytesReturned: back.count)
        side.own.loop.trace?.callback("relay \(result)")
        if isLate, side.own.loop.execute({ completed(result) }) { return }
        completed(result)
    }
}

/// How a relay ended.
public struct RelayResult: Sendable, CustomStringConvertible {
    /// Why the relay ended: the close reason of the connection that ended first, ``CloseReason/Kind/ended`` if both
    /// streams ended.
    public let cause: CloseReason
    /// Whether both streams ended and everything was forwarded.
    public let isComplete: Bool
    /// The number of bytes forwarded from the connection on which the relay was started.
    public let bytesForwarded: Int
    /// The number of bytes forwarded to it.
    public let bytesReturned: Int

    /// The result in one line.
    public var description: String { "\(cause), \(bytesForwarded) bytes forwarded, \(bytesReturned) bytes returned" }
}
