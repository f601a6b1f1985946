// Readers of output and logs that have gone, have stopped reading, or have no room: servers serve on, and tools say so.

import FoundationEssentials
import Glibc
import Subprocess
import Synchronization
import SystemPackage
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct OutputTests {
    /// A pipe, as a server's standard error.
    final class LogPipe: Sendable {
        let reading: FileDescriptor
        let writing: FileDescriptor

        init() throws {
            // A FIFO can be opened close-on-exec in one step: no process of another test is to hold an end of it.
            let path = FileManager.default.temporaryDirectory.appending(path: "reactor-\(UUID().uuidString)").path
            try #require(unsafe mkfifo(path, 0o600) == 0)
            defer { unsafe unlink(path) }
            reading = try .open(FilePath(path), .readOnly, options: [.nonBlocking, .closeOnExec])
            writing = try .open(FilePath(path), .writeOnly, options: .closeOnExec)
            _ = fcntl(reading.rawValue, F_SETFL, 0)
        }

        deinit {
            closeReading()
            try? writing.close()
        }

        private let isRead = Atomic(true)

        /// The reader goes.
        func closeReading() { if isRead.exchange(false, ordering: .relaxed) { try? reading.close() } }

        /// Has the smallest pipe there is (fcntl(2), `F_SETPIPE_SZ`).
        func shrink() { _ = fcntl(writing.rawValue, 1031, 4096) }

        /// Whether a writer would have to wait.
        var isFull: Bool {
            var entry = pollfd(fd: writing.rawValue, events: Int16(POLLOUT), revents: 0)
            return unsafe poll(&entry, 1, 0) == 0
        }
    }

    /// A server whose standard error, or output, is a pipe without a reader.
    ///
    /// - Returns: How it ended, and what it wrote to the other of the two.
    private static func run(
        _ command: [String], descriptors: Int? = nil, error: LogPipe? = nil,
        _ body: @escaping @Sendable (_ address: String, _ process: pid_t) async throws -> Void
    ) async throws -> (status: TerminationStatus, output: String) {
        try await Program.bounded {
            // A pipe whose reader has gone before the server starts.
            let broken = try error ?? LogPipe()
            let end = try broken.writing.duplicate()
            if error == nil { broken.closeReading() }
            let program = try await Program.reactor.resolveExecutablePath(in: .inherit).string
            let limit = descriptors.map { "ulimit -n \($0); " } ?? ""
            let script = limit + "exec \"$0\" \"$@\""
            let result = try await Subprocess.run(
                .name("sh"), arguments: Arguments(["-c", script, program] + command), input: .none,
                output: .sequence, error: .fileDescriptor(end, closeAfterSpawningProcess: true)
            ) { execution in
                var lines = execution.standardOutput.strings().makeAsyncIterator()
                let first = try #require(try await lines.next())
                let words = first.split(separator: " ")
                let address = try #require(words.count > 2 ? String(words[2]) : nil)
                try await body(address, execution.processIdentifier.value)
                try execution.send(signal: .terminate)
                var rest: [String] = []
                while let line = try await lines.next() { rest.append(line) }
                return rest.joined(separator: "\n")
            }
            return (result.terminationStatus, result.closureResult)
        }
    }

    /// Connects, sends something, and waits for what comes back; empty when the server refuses.
    private static func say(_ text: String, to address: String) async throws -> String {
        let parts = address.split(separator: ":")
        return try await Subprocess.run(
            .name("nc"), arguments: ["-N", String(parts[0]), String(parts[1])], input: .string(text),
            output: .string(limit: 1000), error: .discarded
        ).standardOutput
    }

    @Sendable static func isNetcatHere() async -> Bool {
        let (nc, prlimit) = (await Program.isHere("nc"), await Program.isHere("prlimit"))
        return nc && prlimit
    }

    /// Each reports what it refuses, to nobody, and serves on.
    @Test(
        .enabled("there is no nc", isNetcatHere),
        arguments: [
            ["echo", "--deny", "127.0.0.0/8"], ["echo", "--proxy-protocol", "127.0.0.0/8"],
            ["echo", "--max-connections", "1"],
        ])
    func aServerOutlivesTheReaderOfItsLog(_ command: [String]) async throws {
        let (status, output) = try await Self.run(command + ["--listen", "127.0.0.1:0"]) { address, process in
            let held = command.contains("1") ? try SilentClient(to: address) : nil
            for _ in 0..<3 { _ = try await Self.say("no PROXY header\r\n", to: address) }
            #expect(kill(process, 0) == 0)
            withExtendedLifetime(held) {}
        }
        #expect(status == .exited(0))
        #expect(output.contains(command.contains("--deny") ? "(3 refused)" : "served"), "\(output)")
        #expect(output.contains("lost: standard error was not read"), "\(output)")
    }

    /// EMFILE: the reports go nowhere, and who is connected is served.
    @Test(.enabled("there is no nc or no prlimit", isNetcatHere))
    func aServerWithoutDescriptorsOutlivesTheReaderOfItsLog() async throws {
        let command = ["echo", "--listen", "127.0.0.1:0", "--max-connections", "8"]
        let (status, _) = try await Self.run(command, descriptors: 24) { address, process in
            func allow(_ descriptors: Int) async throws {
                let words = ["--pid", "\(process)", "--nofile=\(descriptors):24"]
                let outcome = try await Program.run(.name("prlimit"), words)
                try #require(outcome.status == .exited(0), "\(outcome.error)")
            }
            try await allow(10)
            let held = try (0..<8).map { _ in try SilentClient(to: address) }
            _ = try? await Self.say("x", to: address)
            try await allow(24)
            #expect(kill(process, 0) == 0)
            withExtendedLifetime(held) {}
        }
        #expect(status == .exited(0))
    }

    /// Without its Redis a chat reports each attempt.
    @Test func aChatWithoutRedisOutlivesTheReaderOfItsLog() async throws {
        let backplane = "redis://127.0.0.1:\(try RunningRedis.freePort())"
        let command = ["chat", "serve", "--listen", "127.0.0.1:0", "--backplane", backplane]
        let (status, output) = try await Self.run(command) { address, process in
            let join = ["chat", "join", address, "--name", "anna"]
            let outcome = try await Program.run(Program.reactor, join)
            #expect(outcome.output.contains("welcome, anna"))
            #expect(kill(process, 0) == 0)
        }
        #expect(status == .exited(0) && output.contains("served 1 connection"))
    }

    /// The summary at the end goes nowhere either.
    @Test func aServerOutlivesTheReaderOfItsOutput() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "reactor-\(UUID().uuidString.prefix(8))")
            .path
        let path = folder + ".sock"
        let pipe = try LogPipe()
        pipe.closeReading()
        let end = try pipe.writing.duplicate()
        let result = try await Program.bounded {
            try await Subprocess.run(
                Program.reactor, arguments: ["echo", "--unix", path, "--stats"], input: .none,
                output: .fileDescriptor(end, closeAfterSpawningProcess: true),
                error: .string(limit: Program.outputLimit)
            ) { execution in
                try await eventually { FileManager.default.fileExists(atPath: path) }
                let load = try await Program.run("load", "unix:\(path)", "--messages", "10", "--connections", "1")
                #expect(load.status == .exited(0), "\(load.error)")
                try execution.send(signal: .terminate)
            }
        }
        #expect(result.terminationStatus == .exited(0) && result.standardError == "")
    }

    /// A log that nobody reads any more is full after some lines; the loop goes on, says what was dropped when it is read
    /// again, and ends when it is asked to.
    @Test(arguments: [true, false]) func aFullLogDoesNotStopTheServer(_ isReadAgain: Bool) async throws {
        let log = try LogPipe()
        let (status, output) = try await Self.run(["echo", "--trace", "--listen", "127.0.0.1:0"], error: log) {
            address, _ in
            while !log.isFull {
                let load = try await Program.run("load", address, "--messages", "1000", "--connections", "1")
                try #require(load.status == .exited(0), "\(load.error)")
            }
            // More than the queue holds.
            for _ in 0..<2 {
                let load = try await Program.run("load", address, "--messages", "3000", "--connections", "1")
                #expect(load.status == .exited(0), "\(load.error)")
            }
            guard isReadAgain else { return }
            var text = ""
            var buffer = [UInt8](repeating: 0, count: 65536)
            while !text.contains(" lines dropped: the log's reader is too slow\n") {
                let count = unsafe read(log.reading.rawValue, &buffer, buffer.count)
                try #require(count > 0)
                text = text.suffix(200) + String(decoding: buffer[..<count], as: UTF8.self)
            }
            #expect(text.contains("\nreactor: "))
        }
        #expect(status == .exited(0) && output.contains("served "))
    }

    /// The same on standard output: a line for each transfer.
    @Test func aFullOutputDoesNotStopTheServer() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "reactor-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data([1, 2, 3]).write(to: folder.appending(path: "file"))
        let path = folder.path
        let pipe = try LogPipe()
        // Full from the start, but for the first lines.
        pipe.shrink()
        let end = try pipe.writing.duplicate()
        try await Program.bounded {
            let result = try await Subprocess.run(
                Program.reactor, arguments: ["tftp", "serve", path, "--verbose", "--listen", "127.0.0.1:0"],
                input: .none, output: .fileDescriptor(end, closeAfterSpawningProcess: true),
                error: .string(limit: 10000)
            ) { execution in
                var buffer = [UInt8](repeating: 0, count: 4096)
                let count = unsafe read(pipe.reading.rawValue, &buffer, buffer.count)
                let words = String(decoding: buffer[..<max(0, count)], as: UTF8.self).split(separator: " ")
                let address = try #require(words.count > 2 ? String(words[2]) : nil)
                var transfers = 0
                repeat {
                    let got = try await Program.run("tftp", "get", address, "file", "/dev/null")
                    try #require(got.status == .exited(0), "\(got.error)")
                    transfers += 1
                } while !pipe.isFull && transfers < 1000
                let got = try await Program.run("tftp", "get", address, "file", "/dev/null")
                #expect(got.status == .exited(0))
                try execution.send(signal: .terminate)
            }
            #expect(result.terminationStatus == .exited(0) && result.standardError == "")
        }
    }

    // MARK: Tools

    static let tools = [
        "--help", "--version", "echo --help", "models list", "framing", "framing --json -", "resolve host localhost",
        "resolve service http --json -", "backlog --connects 2 --connect-every 1ms --hold 100ms",
        "udp send 127.0.0.1:9 hello --wait none",
        "udp send 127.0.0.1:9 hello --wait none --json",
    ]

    @Test(arguments: tools) func aToolThatCannotWriteSaysWhy(_ line: String) async throws {
        let program = try await Program.reactor.resolveExecutablePath(in: .inherit).string
        let outcome = try await Program.run(.name("sh"), ["-c", "\"$0\" \(line) > /dev/full", program])
        #expect(outcome.status == .exited(1))
        #expect(outcome.error == "reactor: cannot write to standard output: No space left on device (ENOSPC)\n")
    }

    /// As with `| head`: there is nobody to tell.
    @Test(arguments: tools) func aToolWithoutAReaderEndsQuietly(_ line: String) async throws {
        let pipe = try LogPipe()
        pipe.closeReading()
        let end = try pipe.writing.duplicate()
        let words = line.split(separator: " ").map(String.init)
        let result = try await Program.bounded {
            try await Subprocess.run(
                Program.reactor, arguments: Arguments(words), input: .none,
                output: .fileDescriptor(end, closeAfterSpawningProcess: true),
                error: .string(limit: Program.outputLimit))
        }
        #expect(result.terminationStatus == .exited(1) && result.standardError == "")
    }

    @Test(arguments: ["--duration 20ms", "--duration 20ms --json -", "--duration 20ms --json /dev/full"])
    func aLoadThatCannotWriteFails(_ line: String) async throws {
        let program = try await Program.reactor.resolveExecutablePath(in: .inherit).string
        _ = try await RunningServer.run { server in
            let command = "\"$0\" load \(server.address) \(line) > /dev/full"
            let outcome = try await Program.run(.name("sh"), ["-c", command, program])
            #expect(outcome.status == .exited(1) && outcome.errorLines.count == 1)
            #expect(outcome.error.contains("cannot write") && outcome.error.contains("ENOSPC"))
        }
    }

    /// A password that has no business there is not shown, wherever it stands.
    @Test(arguments: [
        "chat serve --backplane redis://:hunter2@127.0.0.1:6379", "chat serve --backplane redis://hunter2",
        "chat serve --backplane rediss://user:hunter2@host", "chat serve --backplane :hunter2@127.0.0.1:6379",
        "chat serve redis://:hunter2@127.0.0.1:6379", "chat serve --backplane redis://hunter2:70000",
        "chat join redis://:hunter2@127.0.0.1:6379", "load http://anna:hun@ter2@127.0.0.1:1",
        "login adduser --users /tmp/x anna:hunter2", "login join anna:hunter2@127.0.0.1:1",
        "load anna:hunter2@127.0.0.1:1", "load anna:hunter2@host", "load anna:hunter2@",
    ]) func aMisplacedPasswordIsNotShown(_ line: String) async throws {
        let outcome = try await Program.run(Program.reactor, line.split(separator: " ").map(String.init))
        #expect(outcome.status == .exited(64) && outcome.errorLines.count == 1)
        for secret in ["hunter2", "hun@", "ter2"] { #expect(!outcome.error.contains(secret), "\(outcome.error)") }
    }
}
