// The models that a server can be built to, by name, and what each of them teaches. How one works is in a file of its own;
// this one knows only where to find them.

public import Reactor

/// What a model is run with.
public struct ModelOptions: Sendable {
    /// Processes of ``ServerModel/prefork``. Default: 8.
    public var workers = 8
    /// Clients that are served at once at most; others wait in the backlog. Default: 2,000.
    public var limit = 2_000
    /// Clients that may wait to be accepted (listen(2)). Default: 511.
    public var backlog = 511
    /// UDP in place of TCP, see ``ServerModel/servesDatagrams``. Default: false.
    public var isDatagram = false

    /// The defaults.
    public init() {}
}

/// A way to build a server, with the same echo in it as in all others.
public struct ServerModel: Sendable, Hashable, CustomStringConvertible {
    enum Kind: Hashable { case iterative, fork, thread, prefork, busyLoop, selector(Backend), coroutine, reactor }

    let kind: Kind
    /// The name, as the command line has it.
    public let description: String
    /// What it is, in a few words.
    public let summary: String
    /// Why it behaves as it does, in a sentence.
    public let explanation: String

    /// Whether there is a server of this model for datagrams. What is a process, a thread, a worker or a task *a connection*
    /// makes no sense without connections.
    public var servesDatagrams: Bool {
        switch kind {
        case .iterative, .busyLoop, .selector: true
        case .fork, .thread, .prefork, .coroutine, .reactor: false
        }
    }

    /// Whether it speaks to the system through a ``Reactor/Kernel``, which can trace what it does.
    public var isTraceable: Bool {
        switch kind {
        case .busyLoop, .selector, .coroutine, .reactor: true
        case .iterative, .fork, .thread, .prefork: false
        }
    }

    /// One client after another.
    public static let iterative = ServerModel(
        kind: .iterative, description: "iterative", summary: "one client after another",
        explanation: "It waits in read for the one client that it serves, so all others wait for that client to leave.")
    /// A process a connection.
    public static let fork = ServerModel(
        kind: .fork, description: "fork", summary: "a process a connection",
        explanation:
            "Whoever stalls stalls a process of its own; but each connection costs a fork, and memory for its copied pages."
    )
    /// A thread a connection.
    public static let thread = ServerModel(
        kind: .thread, description: "thread", summary: "a thread a connection",
        explanation:
            "A thread is made faster than a process and shares its memory, but each needs a stack and a place in the scheduler."
    )
    /// Processes that are there before the clients are.
    public static let prefork = ServerModel(
        kind: .prefork, description: "prefork", summary: "workers, started beforehand",
        explanation:
            "No fork stands between a client and its answer; but with as many stalled clients as workers nobody is served."
    )
    /// Asks everybody, all the time.
    public static let busyLoop = ServerModel(
        kind: .busyLoop, description: "busy-loop", summary: "asks every connection, again and again",
        explanation:
            "Nobody can stall it, because no call waits; so it asks without end, and takes a whole processor also to do nothing."
    )
    /// select(2).
    public static let select = ServerModel(
        kind: .selector(.select), description: "select", summary: "waits for any of them in select",
        explanation:
            "One call waits for all; it copies three bitmaps in and out at every wait, and its numbers end at 1,024.")
    /// poll(2).
    public static let poll = ServerModel(
        kind: .selector(.poll), description: "poll", summary: "waits for any of them in poll",
        explanation:
            "The list may be as long as one likes, but the kernel walks all of it at every wait, the silent ones included."
    )
    /// epoll(7), level-triggered.
    public static let epollLevel = ServerModel(
        kind: .selector(.epoll(.levelTriggered)), description: "epoll-lt", summary: "epoll, told as long as it lasts",
        explanation:
            "The kernel keeps the list and tells only who is ready: a wait costs what is ready, not what is open.")
    /// epoll(7), edge-triggered.
    public static let epollEdge = ServerModel(
        kind: .selector(.epoll(.edgeTriggered)), description: "epoll-et", summary: "epoll, told when it begins",
        explanation:
            "Told once, it has to read until nothing is left: no change of interest costs a call, one more recv does instead."
    )
    /// A task a connection.
    public static let coroutine = ServerModel(
        kind: .coroutine, description: "coroutine", summary: "a task a connection, on this framework",
        explanation:
            "The code reads like the thread's, but a task that waits is a small object beside the loop, not a stack.")
    /// This framework.
    public static let reactor = ServerModel(
        kind: .reactor, description: "reactor", summary: "a handler a connection, on this framework",
        explanation:
            "The loop of epoll-lt, written once and for all: with limits, deadlines, backpressure and what else real clients do."
    )

    /// All of them, in the order in which the tutorial meets them.
    public static let all: [ServerModel] = [
        .iterative, .fork, .thread, .prefork, .busyLoop, .select, .poll, .epollLevel, .epollEdge, .coroutine, .reactor,
    ]

    private init(kind: Kind, description: String, summary: String, explanation: String) {
        self.kind = kind
        self.description = description
        self.summary = summary
        self.explanation = explanation
    }

    /// The model of this name; `nil` when there is none.
    public init?(_ name: String) {
        guard let model = Self.all.first(where: { $0.description == name }) else { return nil }
        self = model
    }

    /// Serves until SIGTERM or SIGINT, or SIGALRM, which follows them; all that was started has ended then.
    ///
    /// For the main thread of a process that does nothing else: it installs signal handlers, and the models of processes
    /// need one that has no other thread.
    /// - Parameters:
    ///   - address: where to listen.
    ///   - kernel: the system, for the models that go through it (``isTraceable``).
    ///   - listening: told once where it listens, when whoever connects will be served.
    /// - Throws: `SocketError` when it cannot listen, or has threads where it must not.
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
