// The admin socket: a running loop answers questions about itself, and changes its selector when asked, on a Unix socket
// that only its own user may connect to. It runs on the loop that it tells of; every answer is bounded.

extension EventLoop {
    /// Answers commands, one a line, on a Unix socket with mode 0600: `stats`, `connections`, `limits`, `backend NAME`,
    /// `help`; `json` behind a command asks for one line of JSON. `reactor top` shows it live.
    ///
    ///     $ echo stats | nc -NU /run/server.sock
    ///
    /// While somebody is connected, times are measured (``measuresTimes``). Its own connections are connections like others
    /// and are counted with them. A drain ends it with everything else.
    /// - Parameter path: where; a socket that nobody listens on any more is replaced.
    /// - Returns: The listener; closing it ends the admin socket and removes the path.
    /// - Throws: ``SocketError`` when the path cannot be had, or is an abstract name, which everybody may connect to.
    @discardableResult
    public func serveAdministration(at path: String) throws(SocketError) -> Listener {
        let address = try SocketAddress.unix(path)
        if address.unixPath == nil {
            throw SocketError(
                .listen, subject: "\(address)",
                reason: "an abstract name has no permissions, and anybody could command this server; use a path")
        }
        var limits = Limits()
        limits.connections = AdminSession.mostSessions
        limits.firstMessageTime = nil
        limits.idleTime = .seconds(600)
        limits.lingerTime = .zero
        limits.unixPermissions = .ownerReadWrite
        limits.messagesPerTurn = AdminSession.commandsPerTurn
        let attention = Attention(loop: self)
        return try listen(on: address, limits: limits, framing: AdminSession.framing) { _ in AdminSession(attention) }
    }
}

/// Has times measured while somebody looks.
final class Attention {
    private unowned let loop: EventLoop
    private var sessions = 0
    private var isMeasuring = false
    private var wasMeasuring = false

    init(loop: EventLoop) { self.loop = loop }

    func sessionBegan() {
        sessions += 1
        if isMeasuring { return }
        isMeasuring = true
        wasMeasuring = loop.measuresTimes
        loop.measuresTimes = true
    }

    func sessionEnded() {
        sessions -= 1
        if sessions > 0 { return }
        // In the next turn, so that this one is measured to its end.
        loop.execute { [self] in
            guard sessions == 0, isMeasuring else { return }
            isMeasuring = false
            loop.measuresTimes = wasMeasuring
        }
    }
}

/// One connection to the admin socket.
final class AdminSession: MessageHandler {
    static let mostSessions = 8
    /// Commands answered in a turn; the rest waits.
    static let commandsPerTurn = 8
    /// A line is a command. What ends with the stream is one too: `printf stats | nc -NU PATH`.
    static let framing = LineFraming(maximum: 256, endOfStreamEndsLine: true)

    private let attention: Attention

    init(_ attention: Attention) { self.attention = attention }

    func connected(_ connection: Connection) { attention.sessionBegan() }

    func refused(_ connection: Connection, error: FramingError) { connection.write("error: \(error)\n") }

    func closed(_ connection: Connection, reason: CloseReason) { attention.sessionEnded() }

    func received(message: RawSpan, on connection: Connection) {
        let line = Array(message)
        guard let text = String(validating: line, as: UTF8.self) else {
            connection.write("error: the line is not UTF-8\n")
            return
        }
        var words = text.split { $0 == " " || $0 == "\t" }
        let wantsJSON = words.count > 1 && words.last == "json"
        if wantsJSON { words.removeLast() }
        do throws(AdminCommand.Mistake) {
            let answer = try AdminCommand(words).answer(on: connection.loop)
            connection.write(wantsJSON ? answer.json + "\n" : answer.lines)
        } catch {
            let answer = AdminValue.object([("error", .text(error.text))])
            connection.write(wantsJSON ? answer.json + "\n" : answer.lines)
        }
    }
}

extension Connection {
    /// Whether somebody asks about the loop on it.
    var isAdministrative: Bool {
        guard let box = unsafe box else { return false }
        return unsafe box._withUnsafeGuaranteedRef { $0.user is AdminSession }
    }
}
