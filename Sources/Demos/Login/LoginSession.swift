// One connection that logs in: lines in, lines out. Passwords are checked elsewhere, by threads that may block; nothing is
// read from the client meanwhile. Who is in has an echo.
//
//     name <--------------------------------- wrong, and tries left; or no thread had time ---+
//       +--line--> password --line--> checking -----------------------------------------------+
//       |                    (before it, waiting while others of the address are being checked)
//       |                                +--right--> in: every line is answered with itself, "quit" ends
//       |                                +--wrong, no try left--> closed
//       +-- too slow, an address that has to wait: told, closed

public import Reactor

/// What a login grants, and for how long.
public struct LoginLimits: Sendable {
    /// Tries a connection. Default: 3.
    public var tries = 3
    /// How long a client may take to log in. Default: 60 s.
    public var time = Duration.seconds(60)
    /// The longest line, in bytes: crypt(3) takes no longer password. Default: 511.
    public var lineBytes = 511

    /// The defaults.
    public init() {}
}

/// The handler of a client's connection.
public final class LoginSession: MessageHandler {
    private enum Stage { case name, password, waiting, checking, `in`, over }
    /// After which a session asks again whether its try may begin, while other tries of its address are under way.
    private static let pause = Duration.milliseconds(10)

    /// What the server says when it wants a name, and when it wants a password: a client hides what is typed then.
    public static let namePrompt = "user:"
    /// See ``namePrompt``.
    public static let passwordPrompt = "password:"

    private let verifier: any PasswordVerifier
    private let guardian: LoginGuard
    private let limits: LoginLimits
    private var stage = Stage.name
    private var user: [UInt8] = []
    private var triesLeft: Int
    private var deadline: Timer?
    private var isDraining = false

    /// A session.
    ///
    /// - Parameters:
    ///   - verifier: knows the passwords.
    ///   - guardian: counts wrong tries, for all sessions.
    ///   - limits: what is granted.
    public init(_ verifier: any PasswordVerifier, _ guardian: LoginGuard, limits: LoginLimits = LoginLimits()) {
        self.verifier = verifier
        self.guardian = guardian
        self.limits = limits
        triesLeft = limits.tries
    }

    /// The framing that goes with it.
    public static func framing(_ limits: LoginLimits = LoginLimits()) -> LineFraming {
        LineFraming(maximum: limits.lineBytes)
    }

    /// Asks for a name.
    public func connected(_ connection: Connection) {
        deadline = connection.loop.schedule(after: limits.time) { [weak self] in
            self?.end("! that took too long; goodbye", connection)
        }
        askForName(connection)
    }

    /// Takes a name, a password, or a line to be answered.
    public func received(message: RawSpan, on connection: Connection) {
        switch stage {
        case .name:
            user = Array(message)
            stage = .password
            say(Self.passwordPrompt, connection)
        case .password: check(Array(message), connection)
        case .in: answer(Array(message), connection)
        case .waiting, .checking, .over: return
        }
    }

    /// Says why the connection ends.
    public func refused(_ connection: Connection, error: FramingError) {
        switch error.kind {
        case .tooLong: say("! a line has at most \(limits.lineBytes) bytes; goodbye", connection)
        // Half a password is a wrong one, and half a line is not the client's.
        default: say("! the last line has no end and was not read; goodbye", connection)
        }
    }

    /// Whoever is being checked has an answer first.
    public func draining(_ connection: Connection) {
        isDraining = true
        if stage != .checking { end("* the server ends; goodbye", connection) }
    }

    /// The session is over.
    public func closed(_ connection: Connection, reason: CloseReason) {
        stage = .over
        if let deadline { connection.loop.cancel(deadline) }
    }

    // MARK: Logging in

    private func askForName(_ connection: Connection) {
        stage = .name
        if let wait = guardian.wait(of: connection.peer, at: connection.loop.now) {
            // Seconds, rounded up.
            let seconds = wait.components.seconds + 1
            return end("! too many wrong passwords from your address; try again in \(seconds) s", connection)
        }
        say(Self.namePrompt, connection)
    }

    private func check(_ password: [UInt8], _ connection: Connection) {
        stage = .waiting
        connection.pauseReading()
        begin(password, connection)
    }

    /// Has the password checked as soon as the guard admits the try.
    private func begin(_ password: [UInt8], _ connection: Connection) {
        let (loop, peer) = (connection.loop, connection.peer)
        guard stage == .waiting else { return }
        switch guardian.begin(peer, at: loop.now) {
        case .admitted: stage = .checking
        case .busy:
            loop.schedule(after: Self.pause) { [weak self] in self?.begin(password, connection) }
            return
        case .wait:
            // Others of this address were wrong since the name was asked for.
            goOn(connection)
            return askForName(connection)
        }
        let (verifier, guardian, user) = (verifier, guardian, user)
        do throws(OffloadError) {
            try loop.offload {
                verifier.verify(user: user, password: password)
            } then: { [self] outcome in
                let verdict = (try? outcome.get()) ?? .unavailable
                // Also of a client who is gone: nobody guesses for free by not waiting for the answer.
                guardian.end(peer, wasWrong: verdict == .wrong, at: loop.now)
                if stage == .checking { told(verdict, connection) }
            }
        } catch {
            guardian.end(peer, wasWrong: false, at: loop.now)
            say("! too many are logging in at this moment; try again", connection)
            goOn(connection)
            askForName(connection)
        }
    }

    private func told(_ verdict: LoginVerdict, _ connection: Connection) {
        goOn(connection)
        switch verdict {
        case .right:
            stage = .in
            if let deadline { connection.loop.cancel(deadline) }
            deadline = nil
            connection.write(Array("* welcome, ".utf8) + user + Array("; what you write comes back, quit ends\n".utf8))
        case .wrong:
            triesLeft -= 1
            if triesLeft == 0 { return end("! wrong user or password; goodbye", connection) }
            say("! wrong user or password", connection)
            askForName(connection)
        case .unavailable:
            return end("! passwords cannot be checked now; goodbye", connection)
        }
        if isDraining { end("* the server ends; goodbye", connection) }
    }

    private func goOn(_ connection: Connection) {
        stage = .name
        connection.resumeReading()
    }

    // MARK: Being in

    private func answer(_ line: [UInt8], _ connection: Connection) {
        if line == Array("quit".utf8) { return end("* goodbye", connection) }
        connection.write(line + [UInt8(ascii: "\n")])
    }

    private func say(_ line: String, _ connection: Connection) { connection.write(line + "\n") }

    private func end(_ line: String, _ connection: Connection) {
        if stage == .over { return }
        stage = .over
        say(line, connection)
        connection.close()
    }
}
