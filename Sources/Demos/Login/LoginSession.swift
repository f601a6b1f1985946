// One connection that logs in, line by line. Threads of the pool check passwords, because that blocks; reading is
// paused meanwhile. A client that is logged in has an echo server.
//
//     name <--------------------------------- wrong, with attempts left; or the pool was full -+
//       +--line--> password --line--> checking ------------------------------------------------+
//       |                    (before it, waiting while others of the address are being checked)
//       |                                +--right--> in: every line is echoed, "quit" ends
//       |                                +--wrong, no attempt left--> closed
//       +-- too slow, or an address that has to wait: reported, closed

package import Reactor

/// The limits of a login.
package struct LoginLimits: Sendable {
    /// The maximum number of attempts per connection. Default: 3.
    package var tries = 3
    /// The maximum time from connecting to logging in. Default: 60 s.
    package var time = Duration.seconds(60)
    /// The maximum length of a line, in bytes: crypt(3) accepts no longer password. Default: 511.
    package var lineBytes = 511

    /// Creates the default limits.
    package init() {}
}

/// The connection handler of a login.
package final class LoginSession: MessageHandler {
    private enum Stage { case name, password, waiting, checking, `in`, over }
    /// The interval at which a session asks the guard again while other attempts of its address are pending.
    private static let pause = Duration.milliseconds(10)

    /// The prompt for a name. At ``passwordPrompt``, a client hides what is typed.
    package static let namePrompt = "user:"
    /// The prompt for a password.
    package static let passwordPrompt = "password:"

    private let verifier: any PasswordVerifier
    private let guardian: LoginGuard
    private let limits: LoginLimits
    private var stage = Stage.name
    private var user: [UInt8] = []
    private var triesLeft: Int
    private var deadline: LoopTimer?
    private var isDraining = false

    /// Creates the handler of a new connection.
    ///
    /// - Parameters:
    ///   - verifier: checks passwords.
    ///   - guardian: counts failed attempts, across all sessions.
    ///   - limits: the limits of the login.
    package init(_ verifier: any PasswordVerifier, _ guardian: LoginGuard, limits: LoginLimits = LoginLimits()) {
        self.verifier = verifier
        self.guardian = guardian
        self.limits = limits
        triesLeft = limits.tries
    }

    /// Returns the framing of the protocol.
    package static func framing(_ limits: LoginLimits = LoginLimits()) -> LineFraming {
        LineFraming(maximum: limits.lineBytes)
    }

    /// Prompts for a name.
    package func connected(_ connection: Connection) {
        deadline = connection.loop.schedule(after: limits.time) { [weak self] in
            self?.end("! the login timed out; goodbye", connection)
        }
        askForName(connection)
    }

    /// Handles a name, a password, or a line to echo.
    package func received(message: RawSpan, on connection: Connection) {
        switch stage {
        case .name:
            user = Array(message)
            stage = .password
            say(Self.passwordPrompt, connection)
        case .password: check(Array(message), connection)
        case .in: reply(Array(message), connection)
        case .waiting, .checking, .over: return
        }
    }

    /// Reports why the connection ends.
    package func refused(_ connection: Connection, error: FramingError) {
        switch error.kind {
        case .tooLong: say("! a line has at most \(limits.lineBytes) bytes; goodbye", connection)
        // An incomplete password is wrong, and an incomplete line may be truncated.
        default: say("! the last line was incomplete and was ignored; goodbye", connection)
        }
    }

    /// Closes the connection, after the result of a password check in progress.
    package func draining(_ connection: Connection) {
        isDraining = true
        if stage != .checking { end("* the server is closing; goodbye", connection) }
    }

    /// Ends the session.
    package func closed(_ connection: Connection, reason: CloseReason) {
        stage = .over
        if let deadline { connection.loop.cancel(deadline) }
    }

    // MARK: Logging in

    private func askForName(_ connection: Connection) {
        stage = .name
        if let wait = guardian.wait(of: connection.peer, at: connection.loop.now) {
            // Rounded up to whole seconds.
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

    /// Starts the check of a password as soon as the guard admits the attempt.
    private func begin(_ password: [UInt8], _ connection: Connection) {
        let (loop, peer) = (connection.loop, connection.peer)
        guard stage == .waiting else { return }
        switch guardian.begin(peer, at: loop.now) {
        case .admitted: stage = .checking
        case .busy:
            loop.schedule(after: Self.pause) { [weak self] in self?.begin(password, connection) }
            return
        case .wait:
            // Other attempts of this address have failed since the prompt for the name.
            goOn(connection)
            return askForName(connection)
        }
        let (verifier, guardian, user) = (verifier, guardian, user)
        do throws(OffloadError) {
            try loop.offload {
                verifier.verify(user: user, password: password)
            } then: { [self] outcome in
                let verdict = (try? outcome.get()) ?? .unavailable
                // Also for a client that has disconnected: not waiting for the result must not make guessing free.
                guardian.end(peer, wasWrong: verdict == .wrong, at: loop.now)
                if stage == .checking { checked(verdict, connection) }
            }
        } catch {
            guardian.end(peer, wasWrong: false, at: loop.now)
            say("! too many logins in progress; try again", connection)
            goOn(connection)
            askForName(connection)
        }
    }

    private func checked(_ verdict: LoginVerdict, _ connection: Connection) {
        goOn(connection)
        switch verdict {
        case .right:
            stage = .in
            if let deadline { connection.loop.cancel(deadline) }
            deadline = nil
            connection.write(Array("* welcome, ".utf8) + user + Array("; your lines are echoed, quit ends\n".utf8))
        case .wrong:
            triesLeft -= 1
            if triesLeft == 0 { return end("! wrong user or password; goodbye", connection) }
            say("! wrong user or password", connection)
            askForName(connection)
        case .unavailable:
            return end("! passwords cannot be checked now; goodbye", connection)
        }
        if isDraining { end("* the server is closing; goodbye", connection) }
    }

    private func goOn(_ connection: Connection) {
        stage = .name
        connection.resumeReading()
    }

    // MARK: Logged in

    private func reply(_ line: [UInt8], _ connection: Connection) {
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
