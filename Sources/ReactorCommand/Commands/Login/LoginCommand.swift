// `reactor login`: the server, the users' file, the client.

import ArgumentParser
import Demos
import Reactor
import SystemPackage

struct LoginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login",
        abstract: "Log in over the network: a server, its users, a client.",
        subcommands: [
            LoginServeCommand.self, LoginAddUserCommand.self, LoginLockCommand.self, LoginUnlockCommand.self,
            LoginJoinCommand.self,
        ])
}

struct LoginServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Ask for user and password; who is in has an echo.",
        discussion: """
            Try it with:  reactor login join 127.0.0.1:7791  or  nc 127.0.0.1 7791
            Passwords and everything else cross the network as they are: use it on a network of your own, or through a \
            tunnel. They are hashed with yescrypt on threads of their own, so that nobody waits for a login but who logs \
            in. An address that guesses waits longer and longer. SIGINT (ctrl-C) and SIGTERM drain; a second one ends it \
            at once. SIGUSR2 restarts it without losing a connection attempt.
            """)

    @Option(help: ArgumentHelp("The users: a file that 'reactor login adduser' makes.", valueName: "file"))
    var users: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Passwords that are hashed at once, each in 16 MiB. (default: a processor less than there are)",
            valueName: "n"),
        transform: CountArgument.parse)
    var hashers: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Logins that wait for their turn; more are told so at once. (default: 64)", valueName: "n"),
        transform: CountArgument.parse)
    var maxWaiting = 64

    @OptionGroup var serving: ServingOptions

    func run() throws {
        let file = try UserFile(FilePath(users)) { StandardError.write("reactor: \($0)\n") }
        let pool = ThreadPool(threads: hashers ?? max(1, Processor.count - 1), queueLimit: maxWaiting)
        // After all loops.
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
        ServerLog.print("served \(counters.connectionsOpened) connections (\(counters.connectionsRefused) refused)")
    }
}

struct LoginAddUserCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adduser",
        abstract: "Add a user to the users' file, which is made if it is not there.",
        discussion: """
            Try it with:  reactor login adduser --users users.txt anna
            On a terminal it asks for the password twice and does not show it; from a pipe it reads one line. A file that \
            it makes is readable for its owner only; of one that is there, owner, mode and all other lines stay. A server \
            that runs takes the new user at once. 'reactor login lock' locks a user out.
            """)

    @Option(help: ArgumentHelp("The users' file.", valueName: "file"))
    var users: String

    @Argument(help: "The user: 1 to 32 letters, digits, '-', '_' or '.'.")
    var name: String

    @Flag(help: "Give a user who is there a new password.")
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

    /// A password as a client can send it: one line without its end, which may be LF or CR LF.
    private static func password(_ prompt: String) throws -> [UInt8] {
        // One byte more, for the CR.
        var line = try HiddenInput.readLine(prompt, limit: Crypt.longestPassword + 1) ?? []
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard (1...Crypt.longestPassword).contains(line.count) else {
            throw CommandFailure("a password has 1 to \(Crypt.longestPassword) bytes")
        }
        guard line.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw CommandFailure("a password holds no control characters; nothing was changed")
        }
        return line
    }
}
