// Servers with few descriptors: what files take of them never keeps new connections out, and only what needs a file is refused.

#if FileTransfer
    import FoundationEssentials
    import Subprocess
    import Testing

    @testable import ReactorCommand

    @Suite(.timeLimit(.minutes(20))) struct DescriptorTests {
        private typealias Folders = FilesCommandTests.Folders

        @Sendable static func areToolsHere() async -> Bool {
            let python = await Program.isHere("python3")
            let limit = await Program.isHere("prlimit")
            return python && limit
        }

        /// What the scripts have in common. `answers` waits until so many of the connections have something to read.
        private static let common = """
            import json, select, socket, struct, sys, time
            host, port = sys.argv[1].rsplit(":", 1)
            def connect():
                return socket.create_connection((host, int(port)), 60)
            def answers(connections, count):
                poll = select.poll()
                for c in connections: poll.register(c, select.POLLIN)
                end = time.monotonic() + 60
                while True:
                    ready = poll.poll(1000)
                    if len(ready) >= count: return {fd for fd, _ in ready}
                    assert time.monotonic() < end, len(ready)
            def frame(header, content=b""):
                text = json.dumps(header).encode()
                return struct.pack(">I", len(text)) + text + content
            def take(c, count):
                data = b""
                while len(data) < count:
                    part = c.recv(count - len(data))
                    assert part, "closed"
                    data += part
                return data
            def receive(c):
                header = json.loads(take(c, struct.unpack(">I", take(c, 4))[0]))
                return header, take(c, header.get("content-length", 0))
            def ask(header):
                c = connect()
                c.sendall(frame(header))
                return receive(c)[0]
            def http(path):
                c = connect()
                c.sendall(b"GET " + path + b" HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n")
                return int(take(c, 12)[9:])

            """

        @Test(.enabled("there is no python3 or prlimit", areToolsHere)) func uploadsKeepNoNewClientOut() async throws {
            let folders = try Folders()
            try folders.write("served/old", 1000)
            let script =
                Self.common + """
                    held = [connect() for _ in range(100)]
                    for number, c in enumerate(held):
                        c.sendall(frame({"do": "put", "name": "f%d" % number, "content-length": 1000}, b"x"))
                    # 32 are taken and wait for the rest, 68 are refused.
                    busy = answers(held, 68)
                    assert len(busy) == 68, len(busy)
                    for c in held:
                        if c.fileno() in busy:
                            assert receive(c)[0]["code"] == "busy"
                            c.sendall(b"x" * 999 + frame({"do": "list"}))
                            assert receive(c)[0]["status"] == "done"
                    assert ask({"do": "list"})["status"] == "done"
                    assert ask({"do": "get", "name": "old"})["code"] == "busy"
                    for c in held: c.close()
                    end = time.monotonic() + 60
                    while ask({"do": "get", "name": "old"}).get("code") == "busy": assert time.monotonic() < end
                    print("all well")
                    """
            let outcome = try await RunningServer.run(
                command: ["files", "serve", folders.served], ["--writable"], descriptors: 256
            ) { server in
                #expect(server.firstLine.contains("at most 128 connections, at most 32 files at once"))
                let outcome = try await Program.run(.name("python3"), ["-c", script, server.address])
                #expect(outcome.output == "all well\n", "\(outcome.error)")
            }
            #expect(outcome.error == "" && outcome.output.contains("(0 refused)"), "\(outcome)")
            #expect(folders.names("served") == ["old"])
        }

        @Test(.enabled("there is no python3 or prlimit", areToolsHere)) func downloadsKeepNoNewClientOut() async throws
        {
            let folders = try Folders()
            try folders.write("served/small", 1000)
            try folders.write("served/large", 20_000_000)
            let script =
                Self.common + """
                    held = [connect() for _ in range(100)]
                    for c in held: c.sendall(b"GET /large HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
                    answers(held, 100)
                    statuses = [int(take(c, 12)[9:]) for c in held]
                    assert (statuses.count(200), statuses.count(503)) == (64, 36), statuses
                    # A connected client, and a new one.
                    refused = held[statuses.index(503)]
                    assert http(b"/small") == 200 and http(b"/large") == 503 and http(b"/nothing") == 404
                    for c in held: c.close()
                    end = time.monotonic() + 60
                    while http(b"/large") != 200: assert time.monotonic() < end
                    print("all well")
                    """
            let outcome = try await RunningServer.run(command: ["http", folders.served], descriptors: 256) { server in
                #expect(server.firstLine.contains("at most 128 connections, at most 64 files at once"))
                let outcome = try await Program.run(.name("python3"), ["-c", script, server.address])
                #expect(outcome.output == "all well\n", "\(outcome.error)")
            }
            #expect(outcome.error == "" && outcome.output.contains("(0 refused)"), "\(outcome)")
        }

        @Test(.enabled("there is no python3 or prlimit", areToolsHere)) func transfersAreBoundedByDescriptors()
            async throws
        {
            let folders = try Folders()
            _ = try await RunningServer.run(command: ["tftp", "serve", folders.served], descriptors: 256) { server in
                #expect(server.firstLine.contains("at most 48 transfers"), "\(server.firstLine)")
            }
            let path = try await Program.reactor.resolveExecutablePath(in: .inherit).string
            let many = try await Program.run(
                .name("prlimit"), ["--nofile=256", path, "tftp", "serve", folders.served, "--max-transfers", "49"])
            #expect(many.status != .exited(0) && many.errorLines.count == 1)
            #expect(many.error.contains("use at most 48"), "\(many.error)")
        }

        @Test(.enabled("there is no prlimit", areToolsHere)) func fewDescriptorsAreExplained() async throws {
            let outcome = try await RunningServer.run(command: ["echo"], descriptors: 65) { server in
                #expect(server.firstLine.contains("at most 1 connection)"), "\(server.firstLine)")
            }
            #expect(outcome.error.contains("raise 'ulimit -n'"), "\(outcome.error)")
        }

        @Test func descriptorsAreShared() {
            func plan(_ available: Int, _ each: Int, _ wanted: Int? = nil) -> [Int] {
                let plan = DescriptorPlan(
                    available: available, descriptorsPerFile: each, maxConnections: wanted, most: 10_000)
                return [plan.connections, plan.files]
            }
            #expect(plan(960, 0) == [960, 0] && plan(960, 1) == [640, 320] && plan(960, 2) == [640, 160])
            #expect(plan(1_000_000, 2) == [10_000, 10_000], "enough for all")
            #expect(plan(16_000, 1) == [10_000, 6_000], "the rest is for files")
            #expect(plan(1008, 2, 100) == [100, 100] && plan(1008, 2, 900) == [900, 54])
            #expect(plan(1, 2) == [1, 1] && plan(0, 1) == [1, 1] && plan(10, 1, 20) == [20, 1], "never none at all")
        }
    }
#endif
