// `reactor login`, tried as a user would: with real hashes, nc, and a terminal.

import FoundationEssentials
import Subprocess
import SystemPackage
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct LoginCommandTests {
    /// A users' file with one user, gone with the test.
    final class Users: Sendable {
        let path = FileManager.default.temporaryDirectory.appending(path: "reactor-users-\(UUID().uuidString)").path

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func add(_ name: String, _ password: String, _ options: String...) async throws -> Program.Outcome {
            try await LoginCommandTests.run(
                ["login", "adduser", "--users", path, name] + options, input: password + "\n")
        }
    }

    private static func run(_ arguments: [String], input: String) async throws -> Program.Outcome {
        let result = try await Subprocess.run(
            Program.reactor, arguments: Arguments(arguments), input: .string(input),
            output: .string(limit: Program.outputLimit), error: .string(limit: Program.outputLimit))
        return Program.Outcome(
            status: result.terminationStatus, output: result.standardOutput, error: result.standardError)
    }

    @Test func aUserLogsIn() async throws {
        let users = Users()
        #expect(try await users.add("anna", "secret").output == "anna can log in\n")
        let status = try Stat(FilePath(users.path))
        #expect(status.permissions == .ownerReadWrite)
        let text = try String(contentsOfFile: users.path, encoding: .utf8)
        #expect(text.hasPrefix("anna:$y$") && !text.contains("secret"))
        #expect(try await users.add("anna", "other").error.contains("use --replace"))

        let outcome = try await RunningServer.run(command: ["login", "serve"], ["--users", users.path]) { server in
            let join = ["login", "join", server.address]
            let well = try await Self.run(join, input: "anna\nsecret\nhello\n")
            #expect(well.status == .exited(0) && well.error == "", "\(well.error)")
            #expect(
                well.output
                    == "user:\npassword:\n* welcome, anna; your lines are echoed, quit ends\nhello\n")
            // A user who is added is known at once, and a new password counts.
            _ = try await users.add("bob", "very long " + String(repeating: "ü", count: 200))
            _ = try await users.add("anna", "other", "--replace")
            let bob = try await Self.run(join, input: "bob\nvery long \(String(repeating: "ü", count: 200))\nquit\n")
            #expect(bob.output.hasSuffix("* goodbye\n") && bob.status == .exited(0), "\(bob)")
            let old = try await Self.run(join, input: "anna\nsecret\nanna\nother\nhi\n")
            #expect(old.output.contains("! wrong user or password\n") && old.output.hasSuffix("\nhi\n"))
            // A zero byte ends no password.
            let zero = try await Self.run(join, input: "anna\nother\0more\n")
            #expect(zero.status == .exited(1) && !zero.output.contains("welcome"))
        }
        #expect(outcome.status == .exited(0) && outcome.error == "")
    }

    /// Each takes its turn, whoever else adds a user at the same moment.
    @Test func usersWhoAreAddedAtOnceAllRemain() async throws {
        let users = Users()
        let names = (1...12).map { "user\($0)" }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for name in names {
                group.addTask {
                    let outcome = try await users.add(name, "secret")
                    #expect(outcome.output == "\(name) can log in\n", "\(outcome.error)")
                }
            }
            try await group.waitForAll()
        }
        let text = try String(contentsOfFile: users.path, encoding: .utf8)
        #expect(text.split(separator: "\n").map { $0.prefix { $0 != ":" } }.sorted() == names.map { $0[...] }.sorted())
    }

    /// Owner, group, mode, a link to the file, and every line of others.
    @Test func whatIsNotTheUsersStays() async throws {
        let users = Users()
        let link = users.path + ".link"
        defer { try? FileManager.default.removeItem(atPath: link) }
        let others = "# anna:$y$old\r\n\n\r\nbad\nbob:!$y$b\n"
        try (others + "anna:$y$old\r\n" + others).write(toFile: users.path, atomically: true, encoding: .utf8)
        var attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o640]
        let isRoot = try Stat(FilePath(users.path)).userID.rawValue == 0
        if isRoot { (attributes[.ownerAccountID], attributes[.groupOwnerAccountID]) = (1234, 2345) }
        try FileManager.default.setAttributes(attributes, ofItemAtPath: users.path)
        let before = try Stat(FilePath(users.path))
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: users.path)
        let add = ["login", "adduser", "--users", link]
        #expect(try await Self.run(add + ["anna", "--replace"], input: "new\n").status == .exited(0))
        #expect(try await Self.run(add + ["carl"], input: "new\n").status == .exited(0))
        let text = try String(contentsOfFile: users.path, encoding: .utf8)
        #expect(text.hasPrefix("\(others)anna:$y$j") && text.contains("\r\n\(others)carl:$y$j"), "\(text)")
        let after = try Stat(FilePath(users.path))
        #expect(after.permissions == before.permissions && after.type == .regular)
        #expect(after.userID == before.userID && after.groupID == before.groupID)
        let names = try FileManager.default.contentsOfDirectory(
            atPath: FilePath(users.path).removingLastComponent().string)
        #expect(!names.contains { $0.contains(users.path.split(separator: "/").last ?? "") && $0.hasSuffix(".part") })
    }

    /// A password is a line, as a client sends it: its end may be CR LF, and it holds no control character.
    @Test func aPasswordIsWhatAClientCanSend() async throws {
        let users = Users()
        let add = ["login", "adduser", "--users", users.path]
        #expect(try await Self.run(add + ["anna"], input: "secret\r\n").status == .exited(0))
        for password in ["a\rb\n", "a\0b\n", "a\tb\n", "\u{1b}[A\n", "a\u{7f}\n", "a\r\r\n"] {
            let outcome = try await Self.run(add + ["bob"], input: password)
            #expect(outcome.status == .exited(1) && outcome.errorLines.count == 1, "\(outcome)")
            #expect(outcome.error.contains("no control characters"), "\(outcome.error)")
        }
        for password in ["", "\n", "\r\n", String(repeating: "a", count: 512) + "\n"] {
            #expect(try await Self.run(add + ["bob"], input: password).error.contains("1 to 511 bytes"))
        }
        let longest = String(repeating: "a", count: 511)
        #expect(try await Self.run(add + ["carl"], input: longest + "\r\n").status == .exited(0))
        _ = try await RunningServer.run(command: ["login", "serve"], ["--users", users.path]) { server in
            #expect(server.firstLine.contains("2 users"))
            for (name, password) in [("anna", "secret"), ("carl", longest)] {
                let join = try await Self.run(["login", "join", server.address], input: "\(name)\n\(password)\nquit\n")
                #expect(join.status == .exited(0), "\(join.error)")
            }
        }
    }

    /// A bad line concerns one user, and is named once; a locked one comes back with the same password.
    @Test func oneBadLineLocksOneUser() async throws {
        let users = Users()
        _ = try await users.add("anna", "secret")
        _ = try await users.add("bob", "secret")
        let text = try String(contentsOfFile: users.path, encoding: .utf8)
        try ("nonsense\n" + text.replacing("bob:", with: "bob:!")).write(
            toFile: users.path, atomically: true, encoding: .utf8)
        let change = { @Sendable (verb: String) in
            try await Self.run(["login", verb, "--users", users.path, "bob"], input: "")
        }
        let outcome = try await RunningServer.run(command: ["login", "serve"], ["--users", users.path]) { server in
            #expect(server.firstLine.contains("1 user,"))
            @Sendable func logIn(_ name: String, _ status: Int32) async throws {
                let join = try await Self.run(["login", "join", server.address], input: "\(name)\nsecret\nquit\n")
                #expect(join.status == .exited(status), "\(name): \(join)")
            }
            try await logIn("bob", 1)
            for _ in 0..<2 { try await logIn("anna", 0) }
            let unlocked = try await change("unlock")
            #expect(unlocked.output == "bob can log in\n", "\(unlocked.error)")
            try await logIn("bob", 0)
            let locked = try await change("lock")
            #expect(locked.output == "bob is locked\n", "\(locked.error)")
            try await logIn("bob", 1)
            try await logIn("anna", 0)
        }
        #expect(
            outcome.errorLines == [
                "reactor: \(users.path): line 1 is not NAME:HASH, and is ignored",
                "reactor: \(users.path): line 3 is locked: bob cannot log in",
                "reactor: \(users.path): line 3 is locked: bob cannot log in",
            ], "\(outcome.error)")
        let missing = try await Self.run(["login", "lock", "--users", users.path, "carl"], input: "")
        #expect(missing.status == .exited(1) && missing.errorLines.count == 1 && missing.error.contains("no user carl"))
    }

    @Test(.enabled("there is no python3", isPythonHere)) func manyGuessesAtOnceAreFew() async throws {
        let users = Users()
        _ = try await users.add("anna", "secret")
        let script = """
            import select, socket, sys, time
            host, port = sys.argv[1].split(":")
            clients = [socket.create_connection((host, int(port)), 60) for _ in range(65)]
            for c in clients: c.sendall(b"anna\\nwrong\\n")
            text = {c: b"" for c in clients}
            end = time.monotonic() + 120
            while sum(b"!" in t for t in text.values()) < 65 and time.monotonic() < end:
                for c in select.select([c for c in clients if b"!" not in text[c]], [], [], 1)[0]: text[c] += c.recv(4096)
            print(sum(b"! wrong" in t for t in text.values()), sum(b"! wrong" not in t and b"! too many wrong" in t for t in text.values()))
            """
        _ = try await RunningServer.run(command: ["login", "serve"], ["--users", users.path, "--hashers", "8"]) {
            server in
            let outcome = try await Program.run(.name("python3"), ["-c", script, server.address])
            let counts = outcome.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
            // One more for each second, two, four ... that the machine keeps the loop waiting.
            #expect(counts.count == 2 && (3...6).contains(counts[0]) && counts[0] + counts[1] == 65, "\(outcome)")
        }
    }

    @Sendable static func isPythonHere() async -> Bool { await Program.isHere("python3") }

    @Test(.enabled("there is no nc", ChatCommandTests.isNetcatHere)) func servesNetcat() async throws {
        let users = Users()
        _ = try await users.add("anna", "secret")
        _ = try await RunningServer.run(command: ["login", "serve"], ["--users", users.path]) { server in
            let text = try await Subprocess.run(
                .name("nc"), arguments: ["-N", "127.0.0.1", server.port], input: .string("anna\r\nsecret\r\nhello\r\n"),
                output: .string(limit: Program.outputLimit)
            ).standardOutput
            #expect(text.hasSuffix("quit ends\nhello\n"))
        }
    }

    /// What is typed at a password's prompt does not show; a terminal of script(1) says so.
    @Test(.enabled("there is no script", isScriptHere)) func aTerminalShowsNoPassword() async throws {
        let users = Users()
        let program = try await Program.reactor.resolveExecutablePath(in: .inherit).string
        let command = "'\(program)' login adduser --users '\(users.path)' anna; stty -a | grep -o ' -\\?echo '"
        // Each line is typed when it is asked for: what comes before would be thrown away. Bounded, whatever goes wrong.
        let waits = ["password:", "again:", "can log in"].map { (text: String) -> String in
            "for i in $(seq 3000); do grep -q '\(text)' \"$2\" 2>/dev/null && break; done; "
        }
        let typed = "(" + waits.joined(separator: "echo hidden-word; ") + ")"
        let shell = "\(typed) | script -qfc \"$1\" \"$2\" >/dev/null"
        let log = users.path + ".log"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let outcome = try await Program.run(.name("sh"), ["-c", shell, "sh", command, log])
        let shown = try String(contentsOfFile: log, encoding: .utf8)
        #expect(shown.contains("anna can log in"), "\(shown) \(outcome.error)")
        #expect(!shown.contains("hidden-word") && shown.contains(" echo "))
    }

    /// A signal at a prompt ends the program at once, and the terminal shows again what is typed.
    @Test(.enabled("there is no script", isScriptHere), arguments: [("\\003", 130), ("", 143)])
    func aSignalEndsAPrompt(_ key: String, _ status: Int) async throws {
        let users = Users()
        let program = try await Program.reactor.resolveExecutablePath(in: .inherit).string
        let number = users.path + ".pid"
        // The shell of the terminal gets control-C as well, and has to live on to say how it ended.
        let command = """
            trap : INT; sh -c 'echo $$ > "\(number)"; exec "\(program)" login adduser --users "\(users.path)" anna'
            echo "status $?"; stty -a | grep -o ' -\\?echo '
            """
        let wait = "for i in $(seq 100000); do grep -q 'password:' \"$2\" 2>/dev/null && break; done; "
        let act = key.isEmpty ? "kill -TERM $(cat '\(number)'); " : "printf '\(key)'; "
        let hold = "for i in $(seq 100000); do grep -q 'echo' \"$2\" 2>/dev/null && break; done"
        let log = users.path + ".log"
        defer { for path in [log, number] { try? FileManager.default.removeItem(atPath: path) } }
        let shell = "(\(wait)\(act)\(hold)) | script -qfc \"$1\" \"$2\" >/dev/null"
        _ = try await Program.run(.name("sh"), ["-c", shell, "sh", command, log])
        let shown = try String(contentsOfFile: log, encoding: .utf8)
        #expect(shown.contains("status \(status)") && shown.contains(" echo "), "\(shown)")
        #expect(!FileManager.default.fileExists(atPath: users.path))
    }

    @Sendable static func isScriptHere() async -> Bool {
        (try? await Executable.name("script").resolveExecutablePath(in: .inherit)) != nil
    }

    @Test(arguments: [
        ("login serve", "Missing"), ("login serve --users /nonexistent/x", "adduser"),
        ("login serve --users /etc/passwd", "no crypt(3) hash"),
        ("login adduser --users /tmp/x a/b", "invalid user name"),
        ("login adduser --users /nonexistent/x anna", "1 to 511 bytes"),
        ("login join 127.0.0.1:1", "connection refused"),
        ("login serve --users /tmp/x --hashers 0", "at least 1"),
    ]) func badInputIsRefusedInOneLine(_ line: String, _ words: String) async throws {
        let outcome = try await Self.run(line.split(separator: " ").map(String.init), input: "")
        #expect(outcome.status != .exited(0) && outcome.errorLines.count == 1 && outcome.output == "")
        #expect(outcome.error.hasPrefix("reactor: ") && outcome.error.contains(words), "\(outcome.error)")
    }
}
