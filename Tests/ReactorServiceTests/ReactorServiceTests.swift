// The server as a service: it begins and ends with its group, and says what it does to a log and to metrics.

import CoreMetrics
import Demos
import Glibc
import Logging
import MetricsTestKit
import Reactor
import ReactorService
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(20))) struct ReactorServiceTests {
    @Test func gracefulShutdownDrainsTheServer() async throws {
        let log = RecordedLog()
        let metrics = TestMetrics()
        let (addresses, found) = AsyncStream.makeStream(of: SocketAddress.self)
        log.onLine = { line in
            if let address = line.split(separator: "address=").dropFirst().first?.split(separator: " ").first {
                found.yield(try! SocketAddress(String(address)))
            }
        }
        var service = ReactorService(try TCPServer(on: "127.0.0.1:0", loops: 2), logger: log.logger) { _ in Echo() }
        service.metricsFactory = metrics
        service.label = "echo"
        service.metricsInterval = .milliseconds(5)
        try await testGracefulShutdown { [service] trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                let address = try #require(await addresses.first { _ in true })
                let client = try Client(address)
                #expect(client.say("hello") == "hello")
                trigger.triggerGracefulShutdown()
                #expect(client.isEnded())
                client.leave()  // or the server would wait for it to take the last bytes
                try await group.waitForAll()
            }
        }
        #expect(log.lines.contains { $0.contains("listening") && $0.contains("loops=2") })
        #expect(log.lines.contains { $0.contains("ended") && $0.contains("connections=1") })
        #expect(metrics.counterTotal(label: "reactor_received_bytes_total") == 5)
        #expect(metrics.counterTotal(label: "reactor_connections_opened_total") == 1)
        let meters = metrics.meters.filter { $0.label == "reactor_connections" }
        #expect(meters.count == 2)
        #expect(meters.allSatisfy { $0.lastValue == 0 })
        for meter in meters {
            let dimensions = Dictionary(uniqueKeysWithValues: meter.dimensions)
            #expect(dimensions["server"] == "echo")
            #expect(dimensions["backend"] == "\(Backend.epoll())")
            #expect(dimensions["loop"] == "1" || dimensions["loop"] == "2")
        }
        #expect(log.lines.allSatisfy { $0.contains("server=echo") || !$0.contains("listening") })
    }

    /// Tasks, and state per loop, serve as handlers do.
    @Test(arguments: [false, true]) func tasksAndStatePerLoop(isTask: Bool) async throws {
        let log = RecordedLog()
        let (addresses, found) = AsyncStream.makeStream(of: SocketAddress.self)
        log.onLine = { line in
            if let address = line.split(separator: "address=").dropFirst().first?.split(separator: " ").first {
                found.yield(try! SocketAddress(String(address)))
            }
        }
        let server = try TCPServer(on: "127.0.0.1:0", loops: 2)
        let service =
            if isTask {
                ReactorService.serving(server, logger: log.logger) { connection in
                    guard let bytes = try await connection.readExactly(5) else { return }
                    try await connection.write(bytes)
                }
            } else {
                ReactorService.preparing(server, logger: log.logger) { _ in { _ in Echo() } }
            }
        let task = Task { try await service.run() }
        let address = try #require(await addresses.first { _ in true })
        #expect(try Client(address).say("hello") == "hello")
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func cancellationStopsTheServer() async throws {
        let log = RecordedLog()
        let (starts, started) = AsyncStream.makeStream(of: Void.self)
        log.onLine = { if $0.contains("listening") { started.yield() } }
        let service = ReactorService(try TCPServer(on: "127.0.0.1:0"), logger: log.logger) { _ in Echo() }
        let task = Task { try await service.run() }
        _ = await starts.first { true }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(log.lines.contains { $0.contains("ended") })
    }

    /// Times that no sensible program sets neither trap nor keep the service from ending, and the metrics do not spin.
    @Test(arguments: [
        Duration.seconds(Int64.min) * 2, .nanoseconds(-1), .zero, .nanoseconds(1), .seconds(Int64.max),
        .seconds(Int64.max) * 2,
    ])
    func timesAtTheirExtremes(_ time: Duration) async throws {
        let log = RecordedLog()
        let (starts, started) = AsyncStream.makeStream(of: Void.self)
        log.onLine = { if $0.contains("listening") { started.yield() } }
        var service = ReactorService(try TCPServer(on: "127.0.0.1:0"), logger: log.logger) { _ in Echo() }
        (service.drainTime, service.metricsInterval) = (time, time)
        for child in Mirror(reflecting: service).children where child.value is Duration {
            #expect(["drainTime", "metricsInterval"].contains(child.label), "another time, which is not set here")
        }
        try await testGracefulShutdown { [service] trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                _ = await starts.first { true }
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
        #expect(log.lines.contains { $0.contains("ended") })
    }

    @Test func anAddressInUseIsTheServicesError() async throws {
        let first = try TCPServer(on: "127.0.0.1:0").start(handler: { _ in Echo() }, ended: { _ in })
        let service = ReactorService(TCPServer(on: first.address), logger: RecordedLog().logger) { _ in Echo() }
        let error = await #expect(throws: SocketError.self) { try await service.run() }
        #expect(error?.errno == .addressInUse)
        first.handle.stop()
    }

    /// A log that blocks holds up neither the loops nor the end.
    @Test func aLogThatBlocksHoldsUpNothing() async throws {
        let log = RecordedLog()
        let gate = Gate()
        defer { gate.open() }
        let (addresses, found) = AsyncStream.makeStream(of: SocketAddress.self)
        log.onLine = { line in
            if let address = line.split(separator: "address=").dropFirst().first?.split(separator: " ").first {
                found.yield(try! SocketAddress(String(address)))
            }
            gate.wait()
        }
        let service = ReactorService(try TCPServer(on: "127.0.0.1:0"), logger: log.logger) { _ in Echo() }
        let task = Task { try await service.run() }
        let address = try #require(await addresses.first { _ in true })
        let client = try Client(address)
        #expect(client.say("hello") == "hello")
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(log.lines.count == 1)
    }

    @Test func whatLoopsReportIsLogged() async throws {
        struct Refusal: Error {}
        let log = RecordedLog()
        let (lines, line) = AsyncStream.makeStream(of: String.self)
        log.onLine = { line.yield($0) }
        let service = ReactorService(try TCPServer(on: "127.0.0.1:0"), logger: log.logger) { _ in throw Refusal() }
        let task = Task { try await service.run() }
        var clients: [Client] = []
        for await line in lines {
            if let address = line.split(separator: "address=").dropFirst().first?.split(separator: " ").first {
                clients.append(try Client(try SocketAddress(String(address))))
            }
            if line.contains("Refusal") { break }
        }
        task.cancel()
        _ = try? await task.value
        #expect(log.lines.contains { $0.contains("warning") && $0.contains("Refusal") })
    }
}

/// Blocks threads until it is opened.
private final class Gate: Sendable {
    private let isOpen = Mutex(false)

    func open() { isOpen.withLock { $0 = true } }
    func wait() { while !isOpen.withLock({ $0 }) { sched_yield() } }
}

/// A log that is kept.
private final class RecordedLog: Sendable {
    private struct State {
        var lines: [String] = []
        var onLine: (@Sendable (String) -> Void)?
    }
    private let state = Mutex(State())

    var lines: [String] { state.withLock { $0.lines } }
    var onLine: (@Sendable (String) -> Void)? {
        get { state.withLock { $0.onLine } }
        set { state.withLock { $0.onLine = newValue } }
    }
    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private func add(_ line: String) {
        let tell = state.withLock { state in
            state.lines.append(line)
            return state.onLine
        }
        tell?(line)
    }

    private struct Handler: LogHandler {
        let log: RecordedLog
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            let words = all.map { "\($0)=\($1)" }.sorted().joined(separator: " ")
            log.add("\(event.level) \(event.message) \(words) ")
        }
    }
}

/// A client that waits: the server has threads of its own.
private final class Client {
    private var descriptor: CInt

    init(_ address: SocketAddress) throws {
        descriptor = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue | UInt32(SOCK_CLOEXEC.rawValue)), 0)
        var system = sockaddr_in()
        system.sin_family = sa_family_t(AF_INET)
        system.sin_port = address.port.bigEndian
        system.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let result = unsafe withUnsafePointer(to: &system) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
    }

    deinit { leave() }

    func leave() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    func say(_ text: String) -> String {
        var buffer = [UInt8](repeating: 0, count: 100)
        let sent = unsafe send(descriptor, text, text.utf8.count, CInt(MSG_NOSIGNAL))
        let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
        return sent < 0 || count < 0 ? "nothing" : String(decoding: buffer[..<count], as: UTF8.self)
    }

    func isEnded() -> Bool {
        var byte: UInt8 = 0
        return unsafe recv(descriptor, &byte, 1, 0) == 0
    }
}
