// Draws the accept queue as it fills, one row per event, and explains the kernel's behavior in words.

internal import SystemPackage

/// Renders an experiment as text.
package struct BacklogDrawing: Sendable {
    /// The longest queue that is drawn place by place; of a longer one only the length is shown.
    private static let mostPlaces = 32
    private static let wordsWidth = 47
    /// The number of hanging connects listed; of further ones only the count is shown.
    private static let mostHanging = 8

    private let isUnix: Bool
    private let backlog: Int
    /// The capacity of the queue: one more than the backlog.
    private let places: Int

    /// Creates the drawing of an experiment.
    ///
    /// - Parameter systemLimit: the system's limit of a backlog (`net.core.somaxconn`); `nil` if unknown.
    package init(_ plan: BacklogPlan, systemLimit: Int?) {
        isUnix = plan.address.isUnix
        backlog = plan.backlog
        places = min(plan.backlog, systemLimit ?? plan.backlog) + 1
    }

    /// The header row, which names the columns.
    package var header: String {
        "    time  \(pad("what happens", Self.wordsWidth))\(pad("queue", width))\(isUnix ? "" : "  SYN_SENT")"
    }

    private var width: Int { places <= Self.mostPlaces ? places + 2 : 2 * "\(places)".count + 4 }

    /// Returns the row of an event.
    package func row(_ event: BacklogEvent) -> String {
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
        case .hanging: return "\(connect) gets no reply: SYN_SENT"
        case .turnedAway: return "\(connect) is turned away\(reason)"
        case .refused:
            // ECONNREFUSED adds nothing to "is refused".
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

    /// Returns the explanation that follows the rows: the outcome and its reasons.
    package func explanation(_ outcome: BacklogOutcome, _ events: [BacklogEvent]) -> String {
        var parts = [summary(outcome), Self.always(backlog, places), isUnix ? Self.unix : Self.tcp]
        if events.contains(where: { $0.onlyClient > 0 }) { parts.append(Self.onlyClient) }
        if events.contains(where: { $0.kind == .closed }) { parts.append(isUnix ? Self.unixClosed : Self.tcpClosed) }
        return parts.joined(separator: "\n\n")
    }

    private static func always(_ backlog: Int, _ places: Int) -> String {
        """
        listen(fd, \(backlog)) queues \(places) connections until accept(2) takes them, one more than it
        says: Linux checks whether the queue is longer than the backlog before it adds to it. A
        queued connection is established, and may send, before the program has accepted any
        (listen(2)).
        """
    }

    private static let unix = """
        connect(2) on a Unix socket succeeds at once or not at all. If the queue is full, a
        non-blocking connect fails at once with EAGAIN, and no event signals that there is room:
        the program retries, here after each accept. A blocking connect waits (unix(7)).
        """

    private static let tcp = """
        A SYN that finds the queue full is dropped without a reply. The client's kernel sends it
        again after a second, with growing pauses (tcp(7), tcp_syn_retries): such a connect is not
        refused, it hangs until a SYN finds room. The server reports nothing, and hanging connects
        have no order: the one whose SYN arrives at the right moment is next.
        """

    private static let onlyClient = """
        Some are connected for the client only: their SYNs found room, but the queue was full when
        their handshakes ended. The server ignores the client's last step and repeats its own reply
        until there is room. With tcp_abort_on_overflow set to 1 it resets them instead (tcp(7)).
        """

    private static let tcpClosed = """
        When a listener closes, the connections in its queue are reset. A hanging connect learns of
        it with its next SYN, which is refused because no socket listens there any more.
        """

    private static let unixClosed = """
        When a listener closes, the connections in its queue are reset.
        """

    private func summary(_ outcome: BacklogOutcome) -> String {
        let waited = isUnix ? "turned away" : "hanging"
        var parts = [
            "\(outcome.connectedWhileHeld) connected and \(outcome.waitingWhileHeld) \(waited) while nothing was accepted"
        ]
        if outcome.accepted > 0 { parts.append("\(outcome.accepted) accepted") }
        if outcome.refused > 0 { parts.append("\(outcome.refused) refused") }
        if outcome.reset > 0 { parts.append("\(outcome.reset) lost with the listener") }
        if outcome.unfinished > 0 { parts.append("\(outcome.unfinished) unfinished at the time limit") }
        return parts.joined(separator: "; ") + "."
    }

    private func time(_ milliseconds: Double) -> String { pad(left: decimal(milliseconds), 6) + " s" }

    private func seconds(_ milliseconds: Double) -> String { decimal(milliseconds) + " s" }

    /// Returns milliseconds as seconds with three decimals.
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
