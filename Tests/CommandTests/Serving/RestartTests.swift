// SIGUSR2 to every server among the subcommands: it restarts, with its admin socket, or says in one line that it does not;
// none ends, and none is silent.

import FoundationEssentials
import Glibc
import Subprocess
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct RestartTests {
    /// A folder for the time of a test.
    private static func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "reactor-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder)
    }

    private static func top(_ path: String) async throws -> Program.Outcome {
        try await Program.run("top", path, "--once", "--json")
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    // MARK: The admin socket

    @Test(arguments: [["--loops", "1"], ["--loops", "2"], ["--trace"]])
    func theAdminSocketIsHandedOver(_ arguments: [String]) async throws {
        try await Self.withFolder { folder in
            let path = folder + "/admin"
            let all = ["--listen", "127.0.0.1:0", "--admin", path] + arguments
            let lines = try await HandOverTests.run(["echo"], all) { address, process, file in
                for count in 1...2 {
                    process = try await HandOverTests.handOver(process, count, file)
                    _ = try await HandOverTests.line("served ", count, in: file)
                    let load = try await Program.run("load", address, "--connections", "3", "--messages", "30")
                    #expect(load.status == .exited(0))
                    let top = try await Self.top(path)
                    #expect(top.status == .exited(0) && top.output.contains("\"accepted\":3"), "\(top.output)")
                    #expect(arguments != ["--loops", "2"] || top.output.contains("\"loops\":[{\"loop\":1,"))
                }
                #expect(Self.exists(path))
            }
            // Not even the clients of the admin socket are among those served.
            #expect(lines.filter { $0.hasPrefix("served 3 connections (0 refused)") }.count == 2, "\(lines)")
            #expect(!Self.exists(path))
        }
    }

    /// The new version takes all sockets over and fails then: paths and admin socket are still the old one's.
    @Test func aSuccessorThatFailsLeavesThePathsBehind() async throws {
        try await Self.withFolder { folder in
            let program = folder + "/reactor"
            let (admin, place) = (folder + "/admin", folder + "/echo")
            try FileManager.default.copyItem(atPath: HandOverTests.reactorPath, toPath: program)
            let all = ["--listen", "unix:\(place)", "--admin", admin]
            let lines = try await HandOverTests.run(["echo"], all, program: program) { _, process, file in
                try FileManager.default.removeItem(atPath: program)
                // Several loops need the real kernel, which comes out when the admin socket has been taken over.
                let script = "#!/bin/sh\nexec \(HandOverTests.reactorPath) \"$@\" --loops 2 --trace 2>/dev/null\n"
                try Data(script.utf8).write(to: URL(filePath: program))
                try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program)
                for count in 1...2 {
                    kill(process.number, SIGUSR2)
                    let error = try await HandOverTests.line(
                        "reactor: cannot hand over to process ", count, in: file + ".errors")
                    #expect(error.hasSuffix(": it ended before it was ready; this server keeps serving"), "\(error)")
                    #expect(Self.exists(place))
                    let top = try await Self.top(admin)
                    #expect(top.status == .exited(0))
                }
            }
            #expect(lines.count == 2 && lines.last?.hasPrefix("served 0 connections") == true, "\(lines)")
            #expect(!Self.exists(admin) && !Self.exists(place))
        }
    }

    /// Asked to end while its successor does not get ready: the successor goes with it.
    @Test func theEndDoesNotWaitForASuccessor() async throws {
        try await Self.withFolder { folder in
            let (program, number) = (folder + "/reactor", folder + "/number")
            try FileManager.default.copyItem(atPath: HandOverTests.reactorPath, toPath: program)
            let lines = try await HandOverTests.run(
                ["echo"], ["--listen", "127.0.0.1:0", "--drain", "600s"], program: program
            ) { _, process, file in
                try FileManager.default.removeItem(atPath: program)
                try Data("#!/bin/sh\necho $$ >\(number)\nexec sleep 1000\n".utf8).write(to: URL(filePath: program))
                try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program)
                kill(process.number, SIGUSR2)
                try await eventually { HandOverTests.lines(of: number).count == 1 }
                // A second one meanwhile changes nothing.
                kill(process.number, SIGUSR2)
                _ = try await HandOverTests.line(
                    "reactor: cannot hand over to a successor: one is already starting", 1, in: file + ".errors")
                let successor = ProcessStatus(number: try #require(pid_t(HandOverTests.lines(of: number)[0])))
                kill(process.number, SIGTERM)
                try await eventually { !process.isRunning && !successor.isRunning }
                let errors = HandOverTests.lines(of: file + ".errors")
                #expect(errors.contains { $0.hasSuffix(": this server was asked to stop") }, "\(errors)")
            }
            #expect(lines.count == 2 && lines.last?.hasPrefix("served 0 ") == true, "\(lines)")
        }
    }

    /// A client that does not read keeps the drain from its end.
    @Test(.enabled("there is no nc", isNetcatHere)) func aServerThatDrainsDoesNotRestart() async throws {
        try await Self.withFolder { folder in
            let path = folder + "/admin"
            let all = ["--listen", "127.0.0.1:0", "--admin", path, "--drain", "600s"]
            _ = try await HandOverTests.run(["echo"], all) { address, process, file in
                let place = address.split(separator: ":").map(String.init)
                let flood = "head -c 100000000 /dev/zero | nc \(place[0]) \(place[1]) | sleep 1000"
                _ = try await Subprocess.run(
                    .name("sh"), arguments: ["-c", "trap 'kill 0' TERM; \(flood) & wait"],
                    platformOptions: Self.ownGroup,
                    input: .none, output: .discarded, error: .discarded
                ) { execution in
                    while try await !Self.top(path).output.contains("\"held back\"") {}
                    kill(process.number, SIGTERM)
                    try await eventually { !Self.exists(path) }
                    kill(process.number, SIGUSR2)
                    let error = try await HandOverTests.line("reactor: ", 1, in: file + ".errors")
                    #expect(error == "reactor: cannot hand over to a successor: this server is draining")
                    #expect(process.isRunning)
                    try execution.send(signal: .kill, toProcessGroup: true)
                }
            }
        }
    }

    private static let ownGroup: PlatformOptions = {
        var options = PlatformOptions()
        options.processGroupID = 0
        return options
    }()

    @Test func anAdminPathOfALivingServerIsNamed() async throws {
        try await Self.withFolder { folder in
            let path = folder + "/admin"
            _ = try await RunningServer.run(["--admin", path]) { _ in
                let second = try await Program.run("echo", "--listen", "127.0.0.1:0", "--admin", path)
                #expect(second.status == .exited(1) && second.output == "")
                #expect(
                    second.errorLines == [
                        "reactor: cannot listen on unix:\(path): another server has it: end that one, or choose another path"
                    ])
                let top = try await Self.top(path)
                #expect(top.status == .exited(0))
            }
        }
    }

    // MARK: Every server

    static let handingOver = ["echo", "echo --style async", "dialogue", "http .", "login serve", "files serve ."]

    @Test(arguments: handingOver) func everyServerOfConnectionsHandsOver(_ command: String) async throws {
        try await Self.withFolder { folder in
            var words = command.split(separator: " ").map { $0 == "." ? folder : String($0) }
            if command == "login serve" {
                let add = "echo secret | \(HandOverTests.reactorPath) login adduser --users \(folder)/users anna"
                let added = try await Program.run(.name("sh"), ["-c", add])
                #expect(added.status == .exited(0), "\(added.error)")
                words += ["--users", folder + "/users"]
            }
            let lines = try await HandOverTests.run(words, ["--listen", "127.0.0.1:0"]) { address, process, file in
                let first = process
                process = try await HandOverTests.handOver(process, 1, file)
                try await eventually { !first.isRunning }
                let client = try SilentClient(to: address)
                withExtendedLifetime(client) {}
            }
            #expect(lines.count { $0.hasPrefix("listening on ") } == 2, "\(lines)")
            #expect(lines.count { $0.hasPrefix("served ") } == 2, "\(lines)")
        }
    }

    /// Datagrams are answered by one process or the other, all the while.
    @Test(arguments: ["echo --udp", "udp serve", "broadcast listen"])
    func everyServerOfDatagramsHandsOver(_ command: String) async throws {
        let words = command.split(separator: " ").map(String.init)
        let lines = try await HandOverTests.run(words, ["--listen", "127.0.0.1:0"]) { address, process, file in
            for count in 1...2 {
                let former = process
                #expect(try DatagramQuestion.ask(address, Array("hello".utf8)) != nil)
                process = try await HandOverTests.handOver(process, count, file)
                #expect(try DatagramQuestion.ask(address, Array("hello".utf8)) != nil)
                try await eventually { !former.isRunning }
            }
            #expect(try DatagramQuestion.ask(address, Array("hello".utf8)) != nil)
        }
        #expect(lines.count { $0.hasPrefix("listening on ") } == 3, "\(lines)")
        #expect(lines.count { $0.hasPrefix("received ") } == 3, "\(lines)")
    }

    @Test func tftpHandsOver() async throws {
        try await Self.withFolder { folder in
            try Data(repeating: 7, count: 100_000).write(to: URL(filePath: folder + "/file"))
            let all = ["--listen", "127.0.0.1:0"]
            let lines = try await HandOverTests.run(["tftp", "serve", folder], all) { address, process, file in
                let first = process
                process = try await HandOverTests.handOver(process, 1, file)
                try await eventually { !first.isRunning }
                let got = try await Program.run("tftp", "get", address, "file", folder + "/copy")
                #expect(got.status == .exited(0), "\(got.error)")
                // The admin socket's and a transfer's own socket are no part of what is handed over.
                process = try await HandOverTests.handOver(process, 2, file)
            }
            #expect(lines.count { $0.hasPrefix("listening on ") } == 3, "\(lines)")
        }
    }

    /// Those that a restart would lose something of, or that have nothing to hand over.
    static let staying =
        [
            ("chat serve", "its members and rooms are in this process's memory"),
            ("broadcast listen --group 239.1.2.3 --interface lo", "its socket is in multicast groups"),
        ] + ModelsCommandTests.names.map { ("models --model \($0)", "a model hands nothing over") }

    @Test(arguments: staying) func everyOtherServerSaysThatItStays(_ command: String, _ reason: String) async throws {
        let words = command.split(separator: " ").map(String.init)
        try await Gate.ofProcesses.pass {
            let lines = try await HandOverTests.run(words, ["--listen", "127.0.0.1:0"]) { address, process, file in
                for count in 1...2 {
                    kill(process.number, SIGUSR2)
                    let line = try await HandOverTests.line("reactor: SIGUSR2 ", count, in: file + ".errors")
                    let words =
                        "reactor: SIGUSR2 does not restart this server: \(reason); end it with SIGTERM and start it again"
                    #expect(line == words)
                }
                if !command.hasPrefix("models") { return }
                let load = try await Program.run("load", address, "--connections", "1", "--messages", "3")
                #expect(load.status == .exited(0), "\(load.error)")
            }
            #expect(lines.count == 2, "\(lines)")
        }
    }
}
