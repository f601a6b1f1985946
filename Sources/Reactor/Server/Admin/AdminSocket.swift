// The admin socket: a Unix socket, accessible to the server's own user only, on which a running server reports about
// itself and switches its selector. It runs on the first loop and speaks for all of them; every reply is bounded.
//
//     received --one loop-----> replied              (several) --all reports, or 1 s--> replied
//          +---several loops: reading pauses meanwhile---^

extension EventLoop {
    /// Serves the admin socket on a Unix socket with mode 0600.
    ///
    /// Each line is a command: `stats`, `connections`, `limits`, `backend NAME`, `help`; with `json` after it, the
    /// reply is one line of JSON. `reactor top` shows it live.
    ///
    ///     $ echo stats | nc -NU /run/server.sock
    ///
    /// On the first loop of a server with several loops, commands apply to all of them. While a client is connected,
    /// times are measured (``measuresTimes``). The admin socket's connections and their bytes are not counted among the
    /// server's; turns, events, receives and sends include them. A drain closes it with everything else.
    ///
    /// - Parameters:
    ///   - path: the path of the socket; a stale one is replaced.
    ///   - inheritance: the inherited sockets; a predecessor's admin socket at `path` is taken over.
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
                loop: self, adopting: OwnedDescriptor(inherited.descriptor), at: address,
                settings: SocketSettings(limits), delegate: acceptor)
        } else {
            listener = try Listener(loop: self, on: address, settings: SocketSettings(limits), delegate: acceptor)
        }
        administration.listener = listener
        return listener
    }
}

/// A connection to the admin socket.
final class AdminSession: MessageHandler {
    static let mostSessions = 8
    /// Commands handled per turn; further ones wait.
    static let commandsPerTurn = 8
    /// One command per line. The end of the stream ends a line, too: `printf stats | nc -NU PATH`.
    static let framing = LineFraming(maximum: 256, endOfStreamEndsLine: true)

    /// The command whose reports from other loops are pending.
    private var inquiry: AdminInquiry?
    private var hasEnded = false

    func connected(_ connection: Connection) {
        connection.loop.administration.sessionBegan(on: connection.loop)
        for other in connection.loop.administration.furtherLoops {
            other.execute { $0.administration.sessionBegan(on: $0) }
        }
    }

    func refused(_ connection: Connection, error: FramingError) { connection.write("error: \(error)\n") }

    /// Closes after the reply to the last command.
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
        do throws(AdminCommand.Mistake) {
            command = try AdminCommand(words, besides: connection.loop.administration.program)
        } catch {
            return answer(error)
        }
        let inquiry = AdminInquiry(command, on: connection.loop)
        self.inquiry = inquiry
        inquiry.start { [weak self] reports in
            do throws(AdminCommand.Mistake) {
                answer(try command.execute(reports))
            } catch {
                answer(error)
            }
            self?.responded(connection)
        }
        // Replies are in the order of the commands, so reading pauses while one is pending.
        if self.inquiry != nil { connection.pauseReading() }
    }

    private func responded(_ connection: Connection) {
        guard inquiry != nil else { return }
        inquiry = nil
        if hasEnded { return connection.close() }
        connection.resumeReading()
    }
}

extension Connection {
    /// Whether this is a connection to the admin socket.
    var isAdministrative: Bool {
        // Safe: the connection retains its handler's box until `closed`, and the box is used only within the closure.
        guard let box = unsafe box else { return false }
        return unsafe box._withUnsafeGuaranteedRef { $0.user is AdminSession }
    }
}
