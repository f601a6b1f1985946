// The queue as it fills, a row for each event, and in words why the kernel does so.

import SystemPackage

/// Draws an experiment.
public struct BacklogDrawing: Sendable {
    /// Places that are drawn one by one; a longer queue is only counted.
    private static let mostPlaces = 32
    private static let wordsWidth = 47
    /// Connects that hang and are named; of more, the number is told.
    private static let mostHanging = 8

    private let isUnix: Bool
    private let backlog: Int
    /// How many connections may wait: one more than the backlog.
    private let places: Int

    /// A drawing of an experiment whose queue has room for so many connections.
    ///
    /// - Parameter systemLimit: the most that the system takes for a backlog (`net.core.somaxconn`).
    public init(_ plan: BacklogPlan, systemLimit: Int?) {
        isUnix = plan.address.isUnix
        backlog = plan.backlog
        places = min(plan.backlog, systemLimit ?? plan.backlog) + 1
    }

    /// What the columns are.
    public var header: String {
        "    time  \(pad("what happens", Self.wordsWidth))\(pad("queue", width))\(isUnix ? "" : "  SYN_SENT")"
    }

    private var width: Int { places <= Self.mostPlaces ? places + 2 : 2 * "\(places)".count + 4 }

    /// The row of an event.
    public func row(_ event: BacklogEvent) -> String {
        let queue = event.queue.map(bar) ?? ""
        var row = "\(time(event.milliseconds))  \(pad(words(event), Self.wordsWidth))\(pad(queue, width))"
        if !event.hanging.isEmpty { row += "  " + list(event.hanging) }
        if event.onlyClient > 0 { row += "  (\(event.onlyClient) connected for the client only)" }
        while row.last == " " { row.removeLast() }
        return row
    }

    private func list(_ connects: [Int]) -> String {
        let shown = connects.prefix(Self.mostHanging).map(String.init).joined(separator: " ")
        let rest = connects.count - Self.mostHanging
        return rest > 0 ? "\(shown) and \(rest) more" : shown
    }

    private func words(_ event: BacklogEvent) -> String {
        let connect = "connect \(event.connect)"
        let reason = event.reason.map { ": \($0)" } ?? ""
        switch event.kind {
        case .connected:
            return event.waited < 20
                ? "\(connect) is connected at once" : "\(connect) is connected after \(seconds(event.waited))"
        case .hanging: return "\(connect) gets no answer: SYN_SENT"
        case .turnedAway: return "\(connect) is turned away\(reason)"
        case .refused:
            // That nobody listens is what the word says already.
            return "\(connect) is refused after \(seconds(event.waited))"
                + (event.reason == "\(Errno.connectionRefused)" ? "" : reason)
        case .accepted: return "accept takes connection \(event.connect)"
        case .closed: return "the listener is closed"
        case .reset: return "connection \(event.connect) is lost\(reason)"
        case .began: return connect
        }
    }

    private func bar(_ count: Int) -> String {
        if places > Self.mostPlaces { return "\(count) of \(places)" }
        let filled = min(max(count, 0), places)
        return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: places - filled) + "]"
    }

    /// What came of it, and why.
    public func explanation(_ outcome: BacklogOutcome, _ events: [BacklogEvent]) -> String {
        var parts = [summary(outcome), Self.always(backlog, places), isUnix ? Self.unix : Self.tcp]
        if events.contains(where: { $0.onlyClient > 0 }) { parts.append(Self.onlyClient) }
        if events.contains(where: { $0.kind == .closed }) { parts.append(isUnix ? Self.unixClosed : Self.tcpClosed) }
        return parts.joined(separator: "\n\n")
    }

    private static func always(_ backlog: Int, _ places: Int) -> String {
        """
        listen(fd, \(backlog)) keeps \(places) until accept(2) takes them, one more than it says:
        Linux looks whether the queue is longer than the backlog before it adds to it. What is in
        the queue is connected, and may send, before the program has accepted anything
        (listen(2)).
        """
    }

    private static let unix = """
        A Unix socket is connected by connect(2) itself or not at all. Where the queue is full, a
        non-blocking connect fails at once with EAGAIN, and nothing tells when there is room: the
        program tries again, here after each accept. A blocking one waits in connect(2) (unix(7)).
        """

    private static let tcp = """
        A SYN that finds the queue full is dropped, without an answer. The client's kernel sends
        it again after a second, and then again and again (tcp(7), tcp_syn_retries): such a
        connect is not refused, it hangs, until its SYN finds room. Nobody is told, and nobody
        waits in line: whoever's SYN comes at the right moment is next.
        """

    private static let onlyClient = """
        Some were connected for the client only: their SYNs found room, but when their handshakes
        ended the queue was full. The server forgets such an end, and sends its own SYN again
        until there is room. With tcp_abort_on_overflow set to 1 it resets them instead (tcp(7)).
        """

    private static let tcpClosed = """
        When a listener closes, what waits in its queue is reset. What hangs learns of it with its
        next SYN: nobody listens there any more, and that is refused.
        """

    private static let unixClosed = """
        When a listener closes, what waits in its queue is reset.
        """

    private func summary(_ outcome: BacklogOutcome) -> String {
        let waited = isUnix ? "turned away" : "hanging"
        var parts = [
            "\(outcome.connectedWhileHeld) connected and \(outcome.waitingWhileHeld) \(waited) while nothing was accepted"
        ]
        if outcome.accepted > 0 { parts.append("\(outcome.accepted) accepted") }
        if outcome.refused > 0 { parts.append("\(outcome.refused) refused") }
        if outcome.reset > 0 { parts.append("\(outcome.reset) lost with the listener") }
        if outcome.unfinished > 0 { parts.append("\(outcome.unfinished) not done when the time was over") }
        return parts.joined(separator: "; ") + "."
    }

    private func time(_ milliseconds: Double) -> String { pad(left: decimal(milliseconds), 6) + " s" }

    private func seconds(_ milliseconds: Double) -> String { decimal(milliseconds) + " s" }

    /// Milliseconds as seconds with three digits.
    private func decimal(_ milliseconds: Double) -> String {
        let whole = Int(milliseconds.rounded())
        let rest = String(whole % 1000)
        return "\(whole / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func pad(left text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
