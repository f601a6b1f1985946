// `reactor login`, tried as a user would: with real hashes, nc, and a terminal.

import FoundationEssentials
import Subprocess
import SystemPackage
import Testing

@testable import ReactorCommand

@Suite struct LoginCommandTests {
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
        #expect(try await users.add("anna", "other").error.contains("say --replace"))

        let outcome = try await RunningServer.run(command: ["login", "serve"], ["--users", users.path]) { server in
            let join = ["login", "join", server.address]
            let well = try await Self.run(join, input: "anna\nsecret\nhello\n")
            #expect(well.status == .exited(0) && well.error == "", "\(well.error)")
            #expect(
                well.output
                    == "user:\npassword:\n* welcome, anna; what you write comes back, quit ends\nhello\n")
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

    @Test(.enabled("there is no nc", ChatCommandTests.isNetcatHere)) func answersNetcat() async throws {
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
        ("login serve --users /etc/passwd", "no hash"), ("login adduser --users /tmp/x a/b", "invalid user name"),
        ("login adduser --users /nonexistent/x anna", "1 to 511 bytes"),
        ("login join 127.0.0.1:1", "connection refused"),
        ("login serve --users /tmp/x --hashers 0", "at least 1"),
    ]) func badInputIsRefusedInOneLine(_ line: String, _ words: String) async throws {
        let outcome = try await Self.run(line.split(separator: " ").map(String.init), input: "")
        #expect(outcome.status != .exited(0) && outcome.errorLines.count == 1 && outcome.output == "")
        #expect(outcome.error.hasPrefix("reactor: ") && outcome.error.contains(words), "\(outcome.error)")
    }
}
