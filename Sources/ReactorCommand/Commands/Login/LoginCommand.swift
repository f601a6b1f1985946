// `reactor login`: the server, and `adduser`, which edits its users' file.

import ArgumentParser
import Demos
import Reactor
import SystemPackage

struct LoginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login",
        abstract: "Run a login server, manage its users, or log in to it.",
        subcommands: [
            LoginServeCommand.self, LoginAddUserCommand.self, LoginLockCommand.self, LoginUnlockCommand.self,
            LoginJoinCommand.self,
        ])
}

struct LoginServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run a server that asks for user and password, then echoes.",
        discussion: """
            Try it with:  reactor login join 127.0.0.1:7791  or  nc 127.0.0.1 7791
            Passwords and all other data cross the network in plain text: use it on a trusted network or through a \
            tunnel. Passwords are hashed with yescrypt on separate threads, so that a login delays no other client. \
            Each wrong password increases the delay for its address. SIGINT (ctrl-C) and SIGTERM drain; a second one \
            ends it at once. SIGUSR2 restarts it without losing a connection attempt.
            """)

    @Option(help: ArgumentHelp("The users' file, created with 'reactor login adduser'.", valueName: "file"))
    var users: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Passwords hashed at the same time, 16 MiB each. (default: the number of processors minus 1)",
            valueName: "n"),
        transform: CountArgument.parse)
    var hashers: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Most logins waiting to be hashed; more are refused. (default: 64)", valueName: "n"),
        transform: CountArgument.parse)
    var maxWaiting = 64

    @OptionGroup var serving: ServingOptions

    func run() throws {
        let file = try UserFile(FilePath(users)) { StandardError.write("reactor: \($0)\n") }
        let pool = ThreadPool(threads: hashers ?? max(1, Processor.count - 1), queueLimit: maxWaiting)
        // Runs after all loops have ended.
        defer { pool.shutdown() }
        let guardian = LoginGuard()
        var program = ServerProgram(serving)
        program.details = [file.count == 1 ? "1 user" : "\(file.count) users"]
        (program.idleTime, program.firstMessageTime) = (.seconds(600), .seconds(60))
        let counters = try program.serve(at: .loopback(port: 7791)) { server, loop throws(SocketError) in
            try server.listen(on: loop) { loop in
                loop.workers = pool
                return { _ in LoginSession(file, guardian).framed(by: LoginSession.framing()) }
            }
        }
        ServerLog.print(
            "served \(counted(counters.connectionsOpened, "connection")) (\(counters.connectionsRefused) refused)")
    }
}

struct LoginAddUserCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adduser",
        abstract: "Add a user to the users' file, and create the file if necessary.",
        discussion: """
            Try it with:  reactor login adduser --users users.txt anna
            On a terminal it asks for the password twice without showing it; from a pipe it reads one line. A new file \
            is readable by its owner only; in an existing file, owner, mode and all other lines stay as they are. A \
            running server accepts the new user at once. 'reactor login lock' locks a user out.
            """)

    @Option(help: ArgumentHelp("The users' file.", valueName: "file"))
    var users: String

    @Argument(help: "The user's name: 1 to 32 letters, digits, '-', '_' or '.'.")
    var name: String

    @Flag(help: "Replace the password of an existing user.")
    var replace = false

    func validate() throws {
        if !UserList.isName(Array(name.utf8)) {
            throw ValidationError("invalid user name; use 1 to 32 letters, digits, '-', '_' or '.'")
        }
    }

    func run() throws {
        let password = try Self.password("password: ")
        if Terminal.isInput, try Self.password("the same again: ") != password {
            throw CommandFailure("the two passwords differ; nothing was changed")
        }
        let edit = UserListEdit.set(hash: try Crypt.hash(password), replacing: replace)
        try UserFileEditor.apply(edit, to: name, in: FilePath(users))
        StandardOutput.print("\(name) can log in")
    }

    /// Reads a password that a client is able to send: one line without its LF or CR LF.
    private static func password(_ prompt: String) throws -> [UInt8] {
        // One byte more than the longest password, for the CR.
        var line = try HiddenInput.readLine(prompt, limit: Crypt.longestPassword + 1) ?? []
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard (1...Crypt.longestPassword).contains(line.count) else {
            throw CommandFailure("invalid password; use 1 to \(Crypt.longestPassword) bytes")
        }
        guard line.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw CommandFailure("invalid password; use no control characters")
        }
        return line
    }
}
