// A TCP server as a service of swift-service-lifecycle: it starts and ends with its group, and reports to swift-log and
// swift-metrics. The loops never wait for either.

public import Logging
public import Metrics
public import Reactor
public import ServiceLifecycle

/// A ``TCPServer`` in a `ServiceGroup`.
///
///     let service = ReactorService(try TCPServer(on: "127.0.0.1:7788", loops: 2), logger: logger) { _ in Echo() }
///     try await ServiceGroup(
///         services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
///     ).run()
///
/// Graceful shutdown drains the server; cancelling the task that runs it stops it.
///
/// The loops run on threads of their own, and so does logging and reporting of metrics. A logging or metrics back end
/// that blocks holds up neither a loop nor the concurrency pool, and delays the end of the service by one second at
/// most.
public struct ReactorService: Service {
    /// The server; its ``TCPServer/onReport`` is still called, if set.
    public var server: TCPServer
    /// How long a graceful shutdown may take before the remaining connections are reset. Default: 5 s.
    public var drainTime: Duration = .seconds(5)
    /// The interval at which counters are reported to swift-metrics; 10 ms to a year. Default: 10 s.
    public var metricsInterval: Duration = .seconds(10)
    /// The receiver of the metrics. Default: `nil`, the factory that the process was bootstrapped with.
    public var metricsFactory: (any MetricsFactory)?

    /// The value of the dimension `server` of its metrics, and of the logger's metadata. Default: `nil`, the address it
    /// listens on.
    public var label: String?

    private let logger: Logger
    private let listen: @Sendable (TCPServer) throws(SocketError) -> ListeningServer

    /// Creates a service.
    ///
    /// - Parameters:
    ///   - server: the server: address, limits and number of loops.
    ///   - logger: receives the start and end of the server at level `info`, and the reports of its loops at level
    ///     `warning`, at most one per second, kind and loop.
    ///   - handler: returns the handler of a connection; called on the loop that owns the connection.
    public init(
        _ server: TCPServer, logger: Logger,
        handler: @escaping @Sendable (Connection) throws -> any ConnectionHandler
    ) {
        self.init(server, logger) { server throws(SocketError) in try server.listen(handler: handler) }
    }

    /// Returns a service with a preparation per loop.
    ///
    /// - Parameters:
    ///   - server: the server: address, limits and number of loops.
    ///   - logger: the receiver of reports.
    ///   - prepare: called once on each loop's thread, before it accepts connections; returns the loop's handler
    ///     factory, as in ``TCPServer/listen(on:preparing:)``.
    /// - Returns: The service.
    public static func preparing(
        _ server: TCPServer, logger: Logger,
        _ prepare: @escaping @Sendable (EventLoop) throws -> HandlerFactory
    ) -> ReactorService {
        ReactorService(server, logger) { server throws(SocketError) in try server.listen(preparing: prepare) }
    }

    private init(
        _ server: TCPServer, _ logger: Logger,
        listening listen: @escaping @Sendable (TCPServer) throws(SocketError) -> ListeningServer
    ) {
        self.server = server
        self.logger = logger
        self.listen = listen
    }

    /// Returns a service that serves each connection with a task.
    ///
    /// - Parameters:
    ///   - server: the server: address, limits and number of loops.
    ///   - logger: the receiver of reports.
    ///   - body: serves one connection, on its loop's thread.
    /// - Returns: The service.
    public static func serving(
        _ server: TCPServer, logger: Logger,
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) -> ReactorService {
        ReactorService(server, logger) { server throws(SocketError) in try server.listenServing(body) }
    }

    /// Serves until the group shuts down.
    ///
    /// - Throws: `SocketError` when the server cannot listen or a loop's selector fails; `CancellationError` when the
    ///   task was cancelled.
    public func run() async throws {
        var logger = logger
        if let label { logger[metadataKey: "server"] = "\(label)" }
        let log = ReportLog(logger)
        var server = server
        server.onReport = { [also = server.onReport] report in
            log.take(report)
            also?(report)
        }
        let (endings, ended) = AsyncStream.makeStream(of: Result<ServerStatistics, SocketError>.self)
        let running = try server.start(listening: listen) { result in
            ended.yield(result)
            ended.finish()
        }
        log.info("listening", ["address": "\(running.address)", "loops": "\(max(1, server.loops))"])
        let metrics = ServerMetrics(
            metricsFactory ?? MetricsSystem.factory, server: label ?? "\(running.address)",
            backend: "\(server.backend)", loops: server.loops)
        let measuring = Task {
            let interval = min(max(metricsInterval, .milliseconds(10)), .seconds(365 * 86_400))
            await metrics.report(on: running.handle, every: interval, through: log)
        }
        let result = await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                // Only the server reports its own end, after a drain as well as after a stop: nothing cancels this
                // wait.
                await Task { await endings.first { _ in true } }.value
            } onGracefulShutdown: {
                running.handle.drain(within: drainTime)
            }
        } onCancel: {
            running.handle.stop()
        }
        measuring.cancel()
        await measuring.value
        guard case .success(let totals) = result else {
            await log.finish()
            _ = try result?.get()
            return
        }
        let statistics = totals.total
        log.perform { metrics.report(totals) }
        log.info(
            "ended",
            [
                "connections": "\(statistics.connectionsOpened)", "received": "\(statistics.bytesReceived)",
                "sent": "\(statistics.bytesSent)",
            ])
        await log.finish()
        try Task.checkCancellation()
    }
}
