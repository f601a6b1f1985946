// `reactor files`, tried as a user would: single commands, a session from a pipe, and a client that nobody here wrote.

#if FileTransfer
    import FoundationEssentials
    import Subprocess
    import SystemPackage
    import Testing

    @testable import ReactorCommand

    @Suite(.timeLimit(.minutes(20))) struct FilesCommandTests {
        /// A folder with a directory to be served and one to get files into, gone with the test.
        final class Folders: Sendable {
            let path: String
            var served: String { path + "/served" }
            var local: String { path + "/local" }

            init() throws {
                path = FileManager.default.temporaryDirectory.appending(path: "reactor-files-\(UUID().uuidString)").path
                for folder in [served, local] {
                    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                }
            }

            deinit { try? FileManager.default.removeItem(atPath: path) }

            func write(_ name: String, _ count: Int, seed: UInt8 = 0) throws {
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ ($0 >> 8)) ^ seed }
                try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
            }

            func data(_ name: String) -> Data? { try? Data(contentsOf: URL(filePath: "\(path)/\(name)")) }

            func names(_ folder: String) -> [String] {
                (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)").sorted()) ?? []
            }
        }

        private static func serve(
            _ folders: Folders, _ options: [String] = [], _ body: @escaping @Sendable (String) async throws -> Void
        ) async throws -> Program.Outcome {
            try await RunningServer.run(command: ["files", "serve", folders.served], options) {
                try await body($0.address)
            }
        }

        @Test(arguments: ["epoll-lt", "epoll-et", "poll", "select"])
        func filesComeAndGo(_ backend: String) async throws {
            let folders = try Folders()
            try folders.write("served/old", 3_000_000)
            try folders.write("local/mine", 700_000)
            let outcome = try await Self.serve(folders, ["--writable", "--backend", backend]) { address in
                let get = try await Program.run(
                    "files", "get", address, "old", folders.local + "/old", "--backend", backend)
                #expect(get.status == .exited(0) && get.output.contains("SHA-256 verified"), "\(get.error)")
                #expect(folders.data("local/old") == folders.data("served/old"))
                let put = try await Program.run(
                    "files", "put", address, folders.local + "/mine", "new", "--backend", backend)
                #expect(put.status == .exited(0), "\(put.error)")
                #expect(folders.data("served/new") == folders.data("local/mine"))
                let list = try await Program.run("files", "list", address)
                #expect(list.output == "683.6 KiB  new\n  2.9 MiB  old\n")
            }
            // A machine that is busy may have the loop wait, which is reported.
            #expect(outcome.status == .exited(0))
            #expect(outcome.error == "")
            #expect(folders.names("served") == ["new", "old"] && folders.names("local") == ["mine", "old"])
        }

        @Test func interruptedDownloadsGoOn() async throws {
            let folders = try Folders()
            try folders.write("served/old", 2_000_000)
            try folders.write("local/old.part", 1_500_000)
            try folders.write("local/other.part", 1_500_000, seed: 1)
            let outcome = try await Self.serve(folders) { address in
                for name in ["old", "other"] {
                    let get = try await Program.run("files", "get", address, "old", folders.local + "/\(name)")
                    #expect(get.status == .exited(0), "\(get.error)")
                    #expect(folders.data("local/\(name)") == folders.data("served/old"))
                }
            }
            // One went on and one began anew.
            #expect(outcome.output.hasSuffix("sent"))
            let sent = outcome.output.split(separator: " ").dropLast().last.flatMap { Int($0) } ?? 0
            #expect((2_500_000..<2_510_000).contains(sent), "\(outcome.output)")
        }

        @Test func refusalsAreOneLineAndLeaveNothing() async throws {
            let folders = try Folders()
            try folders.write("served/old", 1000)
            try folders.write("local/mine", 1000)
            try folders.write("secret", 1000)
            _ = try await Self.serve(folders) { address in
                let cases: [([String], String)] = [
                    (["get", address, "nothing", folders.local + "/x"], "no such file"),
                    (["get", address, "../secret", folders.local + "/x"], "no such file"),
                    (["get", address, ".", folders.local + "/x"], "not a regular file"),
                    (["get", address, "old", folders.local + "/mine"], "--replace"),
                    (["get", address, "old", folders.path + "/nowhere/x"], "cannot write"),
                    (["put", address, folders.local + "/mine"], "--writable"),
                    (["put", address, folders.local + "/nothing"], "cannot read"),
                    (["put", address, "/dev/null"], "cannot read"),
                    (["list", address, ".."], "no such file"),
                ]
                for (arguments, words) in cases {
                    let outcome = try await Program.run(Program.reactor, ["files"] + arguments)
                    #expect(outcome.status == .exited(1) && outcome.errorLines.count == 1, "\(arguments): \(outcome)")
                    #expect(outcome.error.contains(words), "\(arguments): \(outcome.error)")
                }
            }
            #expect(folders.names("local") == ["mine"] && folders.names("served") == ["old"])
        }

        /// As cp(1) does it.
        @Test func aDirectoryReceivesAFileUnderItsName() async throws {
            let folders = try Folders()
            try folders.write("served/old", 1000)
            _ = try await Self.serve(folders) { address in
                for place in [folders.local, folders.local + "/"] {
                    let get = try await Program.run("files", "get", address, "old", place, "--replace")
                    #expect(get.status == .exited(0), "\(get.error)")
                }
                let again = try await Program.run("files", "get", address, "old", folders.local)
                #expect(again.error.contains("\(folders.local)/old exists already"), "\(again.error)")
                let nowhere = try await Program.run("files", "get", address, "old", folders.path + "/nowhere/")
                #expect(nowhere.errorLines.count == 1 && nowhere.error.contains("cannot write"), "\(nowhere.error)")
            }
            #expect(folders.names("local") == ["old"] && folders.data("local/old") == folders.data("served/old"))
        }

        @Test(.enabled("there is no python3", isPythonHere)) func namesThatAreNotUTF8AreListedEscaped() async throws {
            let folders = try Folders()
            try folders.write("served/plain", 3)
            let make = "import os, sys; open(os.fsencode(sys.argv[1]) + b'/a\\xff', 'w').close()"
            _ = try await Program.run(.name("python3"), ["-c", make, folders.served])
            _ = try await Self.serve(folders) { address in
                let list = try await Program.run("files", "list", address)
                #expect(list.output == "0 B  a\\xff\n3 B  plain\n")
                let json = try await Program.run("files", "list", address, "--json")
                #expect(json.output.contains(#""escaped":true"#) || json.output.contains(#""escaped" : true"#))
                #expect(json.output.components(separatedBy: "escaped").count == 2, "\(json.output)")
            }
        }

        /// A server that is killed in the middle of an upload; what it leaves is removed by the next one, and what a living
        /// one writes meanwhile is not. No client reaches either.
        @Test(.enabled("there is no python3", isPythonHere)) func incompleteFilesOfAKilledServerAreRemoved()
            async throws
        {
            let folders = try Folders()
            let upload = """
                import json, os, socket, struct, sys, time
                host, port = sys.argv[1].split(":")
                connection = socket.create_connection((host, int(port)), 60)
                text = json.dumps({"do": "put", "name": sys.argv[2], "content-length": 1000}).encode()
                connection.sendall(struct.pack(">I", len(text)) + text + b"x")
                end = time.monotonic() + 60
                parts = lambda: {n for n in os.listdir(sys.argv[3]) if n.endswith(".part")}
                while len(parts()) < int(sys.argv[4]): assert time.monotonic() < end
                for name in parts(): os.utime(sys.argv[3] + "/" + name, (0, 0))
                print("begun", flush=True)
                sys.stdin.read()
                """
            /// Runs `body` while an upload to the server is under way.
            @Sendable func uploading(
                _ name: String, to address: String, _ count: Int, _ body: @escaping @Sendable () async throws -> Void
            ) async throws {
                _ = try await Subprocess.run(
                    .name("python3"), arguments: ["-c", upload, address, name, folders.served, "\(count)"],
                    input: .inputWriter, output: .sequence, error: .discarded
                ) { execution in
                    var lines = execution.standardOutput.strings().makeAsyncIterator()
                    let line = try await lines.next()
                    #expect(line == "begun")
                    try await body()
                    try await execution.standardInputWriter.finish()
                }
            }
            _ = try await Self.serve(folders, ["--writable"]) { living in
                try await uploading("living", to: living, 1) {
                    let own = folders.names("served")
                    let killed = try await RunningServer.run(
                        command: ["files", "serve", folders.served], ["--writable"], endedBy: .kill
                    ) { server in
                        try await uploading("killed", to: server.address, 2) {
                            #expect(folders.names("served").count == 2)
                            for name in folders.names("served") {
                                let get = try await Program.run("files", "get", living, name, folders.local)
                                #expect(get.error.contains("reserved for incomplete files"), "\(get.error)")
                            }
                            #expect(try await Program.run("files", "list", living).output == "")
                        }
                    }
                    #expect(killed.status == .signaled(9))
                    // The upload ended with its connection, when the server was alive or after: the file of a killed one stays.
                    try folders.write("served/.reactor-1.part", 5)
                    try FileManager.default.setAttributes(
                        [.modificationDate: Date(timeIntervalSince1970: 0)],
                        ofItemAtPath: folders.served + "/.reactor-1.part")
                    let next = try await Self.serve(folders, ["--writable"]) { _ in
                        try await eventually { folders.names("served") == own }
                    }
                    #expect(next.status == .exited(0))
                }
            }
        }

        @Test func aSessionReadsAPipe() async throws {
            let folders = try Folders()
            try folders.write("served/a b", 5)
            try folders.write("local/mine", 10)
            _ = try await Self.serve(folders, ["--writable"]) { address in
                let commands = """
                    list
                    say hello  "there  you"
                    get "a b" "\(folders.local)/a b"
                    put \(folders.local)/mine new
                    dance
                    get nothing \(folders.local)/x
                    quit
                    """
                let result = try await Subprocess.run(
                    Program.reactor, arguments: ["files", "open", address], input: .string(commands),
                    output: .string(limit: Program.outputLimit), error: .string(limit: Program.outputLimit))
                #expect(result.terminationStatus == .exited(1))
                let lines = result.standardOutput.split(separator: "\n")
                #expect(
                    lines.map { $0.split(separator: ",").first } == [
                        "5 B  a b", "hello there  you", "got a b: 5 B", "put new: 10 B",
                    ])
                #expect(
                    result.standardError.contains("commands: list")
                        && result.standardError.contains("2 commands failed"))
            }
            #expect(folders.data("served/new") == folders.data("local/mine"))
            #expect(folders.data("local/a b") == folders.data("served/a b"))
        }

        /// A disk that is full, as far as the server can tell: its files may not be longer than this.
        @Test func aFullDiskIsReportedAndLeavesNothing() async throws {
            let folders = try Folders()
            try folders.write("local/large", 5_000_000)
            try folders.write("local/small", 1000)
            try await Program.bounded {
                let server = "ulimit -f 1000; exec \"$0\" files serve \"$1\" --writable --listen 127.0.0.1:0"
                let program = try await Program.reactor.resolveExecutablePath(in: .inherit)
                _ = try await Subprocess.run(
                    .name("sh"), arguments: ["-c", server, program.string, folders.served], input: .none,
                    output: .sequence,
                    error: .discarded
                ) { execution in
                    var lines = execution.standardOutput.strings().makeAsyncIterator()
                    let address = try #require(try await lines.next()?.split(separator: " ").dropFirst(2).first)
                    let put = try await Program.run("files", "put", String(address), folders.local + "/large")
                    #expect(put.status == .exited(1) && put.error.contains("no space is left"), "\(put.error)")
                    #expect(folders.names("served") == [])
                    let again = try await Program.run("files", "put", String(address), folders.local + "/small")
                    #expect(again.status == .exited(0), "\(again.error)")
                    try execution.send(signal: .terminate)
                    while try await lines.next() != nil {}
                }
            }
            #expect(folders.names("served") == ["small"])
        }

        /// The upload as a teaching text has it: a header's length in two bytes, or in four of this machine's order.
        @Test(.enabled("there is no python3", isPythonHere), arguments: [">H", "<i", ">I"])
        func servesAClientOfTheTeachingTexts(_ form: String) async throws {
            let folders = try Folders()
            let script = """
                import hashlib, json, socket, struct, sys
                form, host, port = sys.argv[1], *sys.argv[2].split(":")
                connection = socket.create_connection((host, int(port)), 10)
                def send(header, content=b""):
                    header["content-length"] = len(content)
                    text = json.dumps(header).encode()
                    connection.sendall(struct.pack(form, len(text)) + text + content)
                def take(count):
                    data = b""
                    while len(data) < count:
                        part = connection.recv(count - len(data))
                        assert part
                        data += part
                    return data
                def receive():
                    length, = struct.unpack(form, take(struct.calcsize(form)))
                    header = json.loads(take(length))
                    return header, take(header.get("content-length", 0))
                content = bytes(range(256)) * 5000
                send({"content-type": "text/json", "content-encoding": "utf-8", "byteorder": sys.byteorder}, b'{"action": "search"}')
                header, echo = receive()
                assert echo == b'{"action": "search"}' and header["content-type"] == "text/json", header
                send({"do": "put", "name": "file", "sha256": hashlib.sha256(content).hexdigest()}, content)
                assert receive()[0]["status"] == "stored"
                send({"do": "put", "name": "other", "sha256": hashlib.sha256(b"x").hexdigest()}, content)
                assert receive()[0]["code"] == "mismatch"
                send({"do": "get", "name": "file"})
                header, copy = receive()
                assert copy == content
                assert receive()[0]["sha256"] == hashlib.sha256(content).hexdigest()
                print("all well")
                """
            _ = try await Self.serve(folders, ["--writable"]) { address in
                let outcome = try await Program.run(.name("python3"), ["-c", script, form, address])
                #expect(outcome.output == "all well\n", "\(outcome.error)")
            }
            #expect(folders.names("served") == ["file"])
        }

        @Sendable static func isPythonHere() async -> Bool {
            (try? await Executable.name("python3").resolveExecutablePath(in: .inherit)) != nil
        }

        @Test(arguments: [
            ("files serve", "Missing"), ("files serve /nonexistent", "no such directory"),
            ("files serve /etc/passwd", "no such directory"), ("files get 127.0.0.1:1", "Missing"),
            ("files get 127.0.0.1:1 x/", "not the name of a file"), ("files list 127.0.0.1", "port is missing"),
            ("files list 127.0.0.1:1", "connection refused"), ("files dance", "dance"),
        ]) func badInputIsRefusedInOneLine(_ line: String, _ words: String) async throws {
            let outcome = try await Program.run(Program.reactor, line.split(separator: " ").map(String.init))
            #expect(outcome.status != .exited(0) && outcome.errorLines.count == 1 && outcome.output == "")
            #expect(outcome.error.hasPrefix("reactor: ") && outcome.error.contains(words), "\(outcome.error)")
        }

        @Test func aBarSaysHowFarItIs() {
            #expect(
                ProgressBar.text("x", done: 512 << 20, total: 1 << 30, before: 0, seconds: 0.5)
                    == "x [###############---------------]  50 % of 1.0 GiB, 1.0 GiB/s")
            #expect(
                ProgressBar.text("x", done: 3 << 20, total: 30 << 20, before: 1 << 20, seconds: 1)
                    == "x [###---------------------------]  10 % of 30.0 MiB, 2.0 MiB/s, 14 s left")
            #expect(ProgressBar.text("x", done: 0, total: 0, before: 0, seconds: 0).contains("100 %"))
        }
    }
#endif
