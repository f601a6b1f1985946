// The admin socket: a running server reports about itself, and changes its selector when asked, on a Unix socket that only
// its own user may connect to. It runs on the server's first loop and speaks for all of them; every answer is bounded.
//
//     received --one loop--> answered                  (all loops) --replies, or a second has passed--> answered
//          +---several: no command is read meanwhile------^

extension EventLoop {
    /// Accepts commands, one per line, on a Unix socket with mode 0600: `stats`, `connections`, `limits`, `backend NAME`,
    /// `help`; `json` behind a command asks for one line of JSON. `reactor top` shows it live.
    ///
    ///     $ echo stats | nc -NU /run/server.sock
    ///
    /// On the first loop of a server with several loops, commands apply to all of them. While a client is connected, times
    /// are measured (``measuresTimes``). The clients are not counted among the server's connections, nor are their bytes;
    /// turns, events, receives and sends include theirs. A drain ends it with everything else.
    /// - Parameters:
    ///   - path: where; a stale socket there is replaced.
    ///   - inheritance: what this process was started with; a predecessor's admin socket at `path` is taken over.
    /// - Returns: The listener; closing it ends the admin socket and removes the path.
    /// - Throws: ``SocketError`` when the path is not available, or is an abstract name, which any user may connect to.
    @discardableResult
    public func serveAdministration(
        at path: String, inheriting inheritance: Inheritance? = nil
    ) throws(SocketError) -> Listener {
        let address = try SocketAddress.unix(path)
        if address.unixPath == nil {
            throw SocketError(
                .listen, subject: "\(address)",
                reason: "an abstract name has no permissions, and any user could command this server; use a path")
        }
        var limits = Limits()
        limits.connections = AdminSession.mostSessions
        limits.firstMessageTime = nil
        limits.idleTime = .seconds(600)
        limits.lingerTime = .zero
        limits.unixPermissions = .ownerReadWrite
        limits.messagesPerTurn = AdminSession.commandsPerTurn
        let acceptor = ConnectionAcceptor(loop: self, limits: limits) { _ in
            AdminSession().framed(by: AdminSession.framing)
        }
        acceptor.isAdministrative = true
        let listener: Listener
        if let inherited = inheritance?.administration, inherited.address == address {
            listener = try Listener(
                loop: self, adopting: OwnedDescriptor(inherited.descriptor), at: address, limits: limits,
                delegate: acceptor)
        } else {
            listener = try Listener(loop: self, on: address, limits: limits, delegate: acceptor)
        }
        administration.listener = listener
        return listener
    }
}

/// One connection to the admin socket.
final class AdminSession: MessageHandler {
    static let mostSessions = 8
    /// Commands answered in a turn; the rest waits.
    static let commandsPerTurn = 8
    /// A line is a command. What ends with the stream is one too: `printf stats | nc -NU PATH`.
    static let framing = LineFraming(maximum: 256, endOfStreamEndsLine: true)

    /// The command that other loops have not replied to yet.
    private var inquiry: AdminInquiry?
    private var hasEnded = false

    func connected(_ connection: Connection) {
        connection.loop.administration.sessionBegan(on: connection.loop)
        for other in connection.loop.administration.furtherLoops {
            other.execute { $0.administration.sessionBegan(on: $0) }
        }
    }

    func refused(_ connection: Connection, error: FramingError) { connection.write("error: \(error)\n") }

    /// The last command's answer is sent first.
    func ended(_ connection: Connection) {
        hasEnded = true
        if inquiry == nil { connection.close() }
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        inquiry?.cancel()
        inquiry = nil
        connection.loop.administration.sessionEnded(on: connection.loop)
        for other in connection.loop.administration.furtherLoops {
            other.execute { $0.administration.sessionEnded(on: $0) }
        }
    }

    func received(message: RawSpan, on connection: Connection) {
        let line = Array(message)
        guard let text = String(validating: line, as: UTF8.self) else {
            connection.write("error: the line is not UTF-8\n")
            return
        }
        var words = text.split { $0 == " " || $0 == "\t" }
        let wantsJSON = words.count > 1 && words.last == "json"
        if wantsJSON { words.removeLast() }
        func answer(_ value: AdminValue) { connection.write(wantsJSON ? value.json + "\n" : value.lines) }
        func answer(_ mistake: AdminCommand.Mistake) { answer(.object([("error", .text(mistake.text))])) }
        let command: AdminCommand
        do throws(AdminCommand.Mistake) { command = try AdminCommand(words) } catch { return answer(error) }
        let inquiry = AdminInquiry(command, on: connection.loop)
        self.inquiry = inquiry
        inquiry.start { [weak self] reports in
            do throws(AdminCommand.Mistake) {
                answer(try command.answer(reports))
            } catch {
                answer(error)
            }
            self?.answered(connection)
        }
        // Commands are answered in their order: no other one is read meanwhile.
        if self.inquiry != nil { connection.pauseReading() }
    }

    private func answered(_ connection: Connection) {
        guard inquiry != nil else { return }
        inquiry = nil
        if hasEnded { return connection.close() }
        connection.resumeReading()
    }
}

extension Connection {
    /// Whether it is one of the admin socket's.
    var isAdministrative: Bool {
        guard let box = unsafe box else { return false }
        return unsafe box._withUnsafeGuaranteedRef { $0.user is AdminSession }
    }
}
