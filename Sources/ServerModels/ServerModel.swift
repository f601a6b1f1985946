// The models of a server, by name, with an explanation of each. How each one works is in a file of its own.

package import Reactor

/// The options of a model.
package struct ModelOptions: Sendable {
    /// The number of worker processes of ``ServerModel/prefork``. Default: 8.
    package var workers = 8
    /// The maximum number of concurrent clients; further ones wait in the backlog. Default: 2,000.
    package var limit = 2_000
    /// The maximum number of connections waiting to be accepted (listen(2)). Default: 511.
    package var backlog = 511
    /// Whether to serve UDP instead of TCP, see ``ServerModel/servesDatagrams``. Default: false.
    package var isDatagram = false

    /// Creates options with the default values.
    package init() {}
}

/// A way to build a server. Every model serves the same echo.
package struct ServerModel: Sendable, Hashable, CustomStringConvertible {
    enum Kind: Hashable { case iterative, fork, thread, prefork, busyLoop, selector(Backend), coroutine, reactor }

    let kind: Kind
    /// The name on the command line.
    package let description: String
    /// A summary in a few words, at most 44 characters.
    package let summary: String
    /// An explanation of its behavior, in one sentence.
    package let explanation: String

    /// Whether the model can serve datagrams. Models with a process, thread, worker, task or handler per connection
    /// cannot.
    package var servesDatagrams: Bool {
        switch kind {
        case .iterative, .busyLoop, .selector: true
        case .fork, .thread, .prefork, .coroutine, .reactor: false
        }
    }

    /// Whether the model makes its system calls through the framework's kernel interface, which can trace them.
    package var isTraceable: Bool {
        switch kind {
        case .busyLoop, .selector, .coroutine, .reactor: true
        case .iterative, .fork, .thread, .prefork: false
        }
    }

    /// One client after another, with blocking calls.
    package static let iterative = ServerModel(
        kind: .iterative, description: "iterative", summary: "one client after another",
        explanation: "It blocks in read for the one client that it serves, so all others wait until that client leaves."
    )
    /// A process per connection.
    package static let fork = ServerModel(
        kind: .fork, description: "fork", summary: "a process per connection",
        explanation:
            "A stalled client blocks only its own process; but each connection costs a fork and memory for copied pages."
    )
    /// A thread per connection.
    package static let thread = ServerModel(
        kind: .thread, description: "thread", summary: "a thread per connection",
        explanation:
            "Threads start faster than processes and share their memory, but each needs a stack and scheduler time."
    )
    /// Worker processes that are started in advance.
    package static let prefork = ServerModel(
        kind: .prefork, description: "prefork", summary: "worker processes, started in advance",
        explanation:
            "No client waits for a fork; but once every worker has a stalled client, no further client is served."
    )
    /// A loop of non-blocking calls without a wait.
    package static let busyLoop = ServerModel(
        kind: .busyLoop, description: "busy-loop", summary: "polls every connection, again and again",
        explanation:
            "No client can stall it, because no call blocks; but it never rests, and uses a whole processor even when idle."
    )
    /// A loop over select(2).
    package static let select = ServerModel(
        kind: .selector(.select), description: "select", summary: "waits for all of them at once, in select",
        explanation:
            "One call waits for all; but it copies three bitmaps in and out each time, and descriptors end at 1,024.")
    /// A loop over poll(2).
    package static let poll = ServerModel(
        kind: .selector(.poll), description: "poll", summary: "waits for all of them at once, in poll",
        explanation:
            "The list has no size limit, but the kernel walks all of it at every wait, including silent connections."
    )
    /// A loop over epoll(7), level-triggered.
    package static let epollLevel = ServerModel(
        kind: .selector(.epoll(.levelTriggered)), description: "epoll-lt",
        summary: "epoll: reports readiness while it lasts",
        explanation:
            "The kernel keeps the list and reports only ready connections, so a wait costs what is ready, not what is open."
    )
    /// A loop over epoll(7), edge-triggered.
    package static let epollEdge = ServerModel(
        kind: .selector(.epoll(.edgeTriggered)), description: "epoll-et",
        summary: "epoll: reports readiness when it begins",
        explanation:
            "Readiness is reported once, so it reads until nothing is left: this saves an epoll_ctl and costs one more recv."
    )
    /// A task per connection, on this framework.
    package static let coroutine = ServerModel(
        kind: .coroutine, description: "coroutine", summary: "a task per connection, on this framework",
        explanation:
            "The code reads like that of the thread model, but a waiting task is a small object instead of a stack.")
    /// A handler per connection, on this framework.
    package static let reactor = ServerModel(
        kind: .reactor, description: "reactor", summary: "a handler per connection, on this framework",
        explanation:
            "The loop of epoll-lt, written once, with the limits, deadlines and backpressure that real clients require."
    )

    /// All models, in the order of the tutorial.
    package static let all: [ServerModel] = [
        .iterative, .fork, .thread, .prefork, .busyLoop, .select, .poll, .epollLevel, .epollEdge, .coroutine, .reactor,
    ]

    private init(kind: Kind, description: String, summary: String, explanation: String) {
        self.kind = kind
        self.description = description
        self.summary = summary
        self.explanation = explanation
    }

    /// Returns the model with this name; fails if no model has it.
    package init?(_ name: String) {
        guard let model = Self.all.first(where: { $0.description == name }) else { return nil }
        self = model
    }

    /// Serves until SIGTERM or SIGINT, and returns when everything that it started has ended.
    ///
    /// Call it on the main thread of a process that does nothing else: it installs handlers for SIGTERM, SIGINT and
    /// SIGALRM, and the models that fork need a process with a single thread.
    /// - Parameters:
    ///   - address: the address to listen on.
    ///   - options: the options of the model.
    ///   - kernel: the system, for the models that use it (``isTraceable``).
    ///   - listening: called once with the local address, when clients that connect will be served.
    /// - Throws: `SocketError` when it cannot listen, or when a model that forks has more than one thread.
    package func serve(
        on address: SocketAddress, _ options: ModelOptions, kernel: any SystemCalls = LinuxKernel.shared,
        listening: (SocketAddress) -> Void
    ) throws(SocketError) {
        if options.isDatagram { return try DatagramModels.serve(self, on: address, kernel, listening) }
        switch kind {
        case .coroutine, .reactor:
            return try FrameworkModel.run(
                on: address, options, kernel, withTasks: kind == .coroutine, listening: listening)
        case .fork, .prefork: try ModelSockets.requireSingleThread()
        case .iterative, .thread, .busyLoop, .selector: break
        }
        let socket = try ModelSockets.listen(on: address, backlog: options.backlog, kernel)
        defer { _ = kernel.close(socket) }
        let local = ModelSockets.address(of: socket, kernel)
        ModelSockets.endOnSignals(waking: socket)
        switch kind {
        case .iterative:
            let listener = BlockingSocket(making: socket)
            listening(local)
            IterativeModel.run(listener)
        case .fork:
            let listener = BlockingSocket(making: socket)
            listening(local)
            ForkModel.run(listener, limit: options.limit)
        case .thread:
            let listener = BlockingSocket(making: socket)
            listening(local)
            ThreadModel.run(listener, limit: options.limit)
        case .prefork:
            let listener = BlockingSocket(making: socket)
            listening(local)
            PreforkModel.run(listener, workers: options.workers)
        case .busyLoop:
            listening(local)
            BusyLoopModel.run(socket, kernel, limit: options.limit)
        case .selector(let backend):
            let model = try SelectorModel(socket, backend, kernel, limit: options.limit)
            listening(local)
            model.run()
        case .coroutine, .reactor: break
        }
    }
}
