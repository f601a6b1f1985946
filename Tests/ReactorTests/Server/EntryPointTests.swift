// Each way to begin serving or connecting, once on real loopback, and programs that must not compile.

import Glibc
import Reactor
import Testing

@Suite(.timeLimit(.minutes(20))) struct EntryPointTests {
    private final class Echo: ConnectionHandler {
        func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
    }

    private final class LineEcho: MessageHandler {
        func received(message: RawSpan, on connection: Connection) throws {
            try LineFraming().write(message, to: connection)
        }
    }

    private final class Count { var connections = 0 }

    private nonisolated(nonsending) static func echo(_ connection: AsyncConnection) async throws {
        for try await line in connection.lines() { try await connection.write(line + "\n") }
    }

    private static func ask(_ address: SocketAddress) async throws -> [UInt8]? {
        try await TCPClient.withConnection(to: "\(address)") { connection in
            try await connection.write("hello\n")
            return try await connection.readExactly(6)
        }
    }

    /// One way to start a server on threads of its own.
    enum Style: CaseIterable, Sendable { case handler, messages, state, task, taskWithState }

    private static func start(_ style: Style, _ server: TCPServer) throws -> RunningServer {
        switch style {
        case .handler: try server.start(handler: { _ in Echo() }, ended: { _ in })
        case .messages: try server.start(handler: { _ in LineEcho().framed(by: LineFraming()) }, ended: { _ in })
        case .task: try server.startServing { try await echo($0) }
        case .state:
            try onThread {
                try server.listen(preparing: { _ in
                    let count = Count()
                    return { _ in
                        count.connections += 1
                        return Echo()
                    }
                })
            }
        case .taskWithState:
            try onThread {
                try server.listenServing(preparing: { _ in Count() }) { connection, count in
                    count.connections += 1
                    try await echo(connection)
                }
            }
        }
    }

    /// Runs a listening server on a thread, as a program's main thread would.
    private static func onThread(_ listen: @escaping @Sendable () throws -> ListeningServer) throws -> RunningServer {
        try TCPServer(on: "127.0.0.1:0").start(
            listening: { _ throws(SocketError) in
                do { return try listen() } catch let error as SocketError { throw error } catch {
                    fatalError("\(error)")
                }
            }, ended: { _ in })
    }

    @Test(arguments: Style.allCases, [false, true])
    func aServerOfEachStyle(_ style: Style, isUnix: Bool) async throws {
        let text = isUnix ? "unix:@reactor-entry-\(getpid())-\(style)" : "127.0.0.1:0"
        let typed = try SocketAddress(text)
        for server in [try TCPServer(on: text), TCPServer(on: typed)] {
            var server = server
            server.loops = isUnix ? 1 : 2
            let running = try Self.start(style, server)
            #expect(try await Self.ask(running.address) == Array("hello\n".utf8))
            running.handle.stop()
            if isUnix { break }  // the name may still be taken
        }
    }

    @Test func runAndRunServingBlockUntilTheyAreStopped() async throws {
        for isTask in [false, true] {
            let server = try TCPServer(on: "unix:@reactor-run-\(getpid())-\(isTask)")
            let thread = RealThread {
                if isTask {
                    try? server.runServing { connection in
                        try await Self.echo(connection)
                        connection.loop.stop()
                    }
                } else {
                    try? server.run { _ in StoppingEcho() }
                }
            }
            while true {
                do {
                    #expect(try await Self.ask(server.address) == Array("hello\n".utf8))
                    break
                } catch let error as SocketError {
                    #expect(error.errno == .connectionRefused, "not yet listening")
                    await Task.yield()
                }
            }
            thread.join()
        }
    }

    private final class StoppingEcho: ConnectionHandler {
        func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
        func closed(_ connection: Connection, reason: CloseReason) { connection.loop.stop() }
    }

    /// Malformed text is an error of one line that contains the text.
    @Test(arguments: ["no port", "1.2.3.4", "::1:80", "127.0.0.1:65536", "unix:"])
    func aMalformedAddressIsNamed(_ text: String) async throws {
        let loop = try EventLoop()
        defer { loop.shutdown() }
        func check(_ begin: () throws -> Void) {
            let error = #expect(throws: SocketError.self) { try begin() }
            #expect(error?.description.contains(text) == true)
            #expect(error?.description.contains("\n") == false)
        }
        check { try loop.listen(on: text) { _ in Echo() } }
        check { try loop.listen(on: text, framing: LineFraming()) { _ in LineEcho() } }
        check { try loop.startServing(on: text) { _ in } }
        check { try loop.connect(to: text, handler: { _ in Echo() }, failed: { _ in }) }
        check { try loop.keepConnected(to: text, handler: { _ in Echo() }) }
        check { _ = try TCPServer(on: text) }
        await #expect(throws: SocketError.self) { try await TCPClient.withConnection(to: text) { _ in } }
        await #expect(throws: SocketError.self) { try await loop.serve(on: text) { _ in } }
        await #expect(throws: SocketError.self) { try await loop.withConnection(to: text) { _ in } }
    }

    // MARK: What must not compile

    private static let types = """
        import Reactor
        final class NoHandler {}
        final class Lines: MessageHandler { func received(message: RawSpan, on connection: Connection) {} }
        final class Echo: ConnectionHandler { func received(_ bytes: RawSpan, on connection: Connection) {} }
        let loop = try EventLoop()
        let server = try TCPServer(on: "127.0.0.1:0")

        """

    /// Type-checks a program against the module that was built; `nil` if the module or the compiler is not found.
    private static func compiles(_ statements: String) throws -> Bool? {
        guard let build = buildFolder(), unsafe access("\(build)/Modules/Reactor.swiftmodule", R_OK) == 0 else {
            return nil
        }
        var name = Array("/tmp/reactor-entry-XXXXXX".utf8CString)
        let file = unsafe mkstemp(&name)
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unsafe unlink(path) }
        let text = Array((types + statements + "\n").utf8)
        #expect(unsafe write(file, text, text.count) == text.count)
        close(file)
        let maps = [
            "\(build)/../../checkouts/swift-system/Sources/CSystem/include/module.modulemap",
            "\(build)/../../../Sources/CReactor/include/module.modulemap",
        ]
        let command = """
            cp \(path) \(path).swift; trap 'rm -f \(path).swift' EXIT
            command -v swiftc >/dev/null || exit 77
            swiftc -typecheck -swift-version 6 -I \(build)/Modules \
            \(maps.map { "-Xcc -fmodule-map-file=\($0)" }.joined(separator: " ")) \(path).swift >/dev/null 2>&1
            """
        let status = unsafe system(command) >> 8 & 0xff
        return status == 77 ? nil : status == 0
    }

    /// The folder of the test program: `.build/<triple>/debug`.
    private static func buildFolder() -> String? {
        var path = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &path, path.count)
        guard count > 0 else { return nil }
        for argument in CommandLine.arguments + [
            String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        ] {
            if let end = argument.firstRange(of: "/debug/") { return String(argument[..<end.lowerBound]) + "/debug" }
        }
        return nil
    }

    /// A closure that returns something that is no handler is an error, not a task that does nothing.
    @Test(arguments: ["NoHandler", "Lines"])
    func aClosureWithoutAHandlerDoesNotCompile(_ type: String) throws {
        guard let isBuilt = try Self.compiles("try server.run { _ in Echo() }") else {
            print("skipped: no swiftc, or no module beside this test")
            return
        }
        #expect(isBuilt, "a correct program compiles")
        for statement in [
            "try server.run { _ in \(type)() }", "_ = try server.listen { _ in \(type)() }",
            "_ = try server.start(handler: { _ in \(type)() }, ended: { _ in })",
            "try loop.listen(on: \"127.0.0.1:0\") { _ in \(type)() }",
            "try loop.listen(on: .loopback(port: 0)) { _ in \(type)() }",
        ] {
            #expect(try Self.compiles(statement) == false, "\(statement)")
        }
    }
}
