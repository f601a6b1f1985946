// Between a connection, which calls, and the task that serves it, which waits: the handler that turns one into the other.
// It owns the bytes that have arrived and were not read yet, and knows what the task waits for.
//
//     task:     running --read, nothing there--> waits for input --received, ended, closed--> running
//                  |----write, above the high watermark--> waits for room --drained, closed--> running
//
//     bytes:    received --the task waits for input--> lent to it while it runs, up to its next wait --rest--> kept
//                  |-------it does not---------------> kept, and reading pauses until it wants more
//
// The task goes on inside the callback that brings what it waits for. So what it writes is gathered as a handler's is, and
// leaves in one send when it waits again.

import SystemPackage

/// The handler behind an ``AsyncConnection``.
@usableFromInline
final class ConnectionTask: Suspension, ConnectionHandler {
    /// What a task waits for.
    enum Wait: UInt8 { case nothing, input, room }

    @usableFromInline let connection: Connection
    // Also the loop's, but reached without counting references on the way.
    let executor: LoopExecutor
    let parking: Parking
    var waitsFor = Wait.nothing
    /// The stream has ended: the peer's, or what a draining server makes of it.
    var hasEnded = false
    /// Reading is paused because bytes are kept.
    var isHolding = false
    /// The closure has returned.
    private var isDone = false
    /// `closed` was told.
    private var isOver = false
    /// Only we can cancel the task, so that its waits need not listen for that.
    let ownsTask: Bool
    var lent = LentBytes()
    var kept: ByteQueue?
    private var task: Task<Void, Never>?
    /// Who started the task.
    private let server: TaskServer?
    /// The place in the server's list.
    var place = 0
    /// What the kernel has taken when the task was last asked to let others have their turn.
    var sentAtPause = 0
    /// The innermost deadline that is set.
    var deadlines: DeadlineScope?
    /// What other tasks have to write with.
    private var outlet: Outlet?

    init(_ connection: Connection, server: TaskServer?) {
        self.connection = connection
        executor = connection.loop.executor
        parking = executor.parking
        self.server = server
        ownsTask = server != nil
    }

    // MARK: The connection's calls

    @usableFromInline
    func connected(_ connection: Connection) {
        guard let server else { return }
        server.began(self)
        // Safe: the task runs on the loop's thread, by its executor.
        let bound = LoopValue(value: self)
        task = executor.startingAtOnce {
            Task(executorPreference: executor) { await bound.value.runBody() }
        }
        if isDone { task = nil }
    }

    @usableFromInline
    func received(_ bytes: RawSpan, on connection: Connection) {
        if isDone { return }
        if let kept {
            kept.append(bytes)
        } else {
            lent = LentBytes(bytes)
        }
        if waitsFor == .input { executor.resume(self) }
        if lent.count > 0 { keepLent() }
        lent = LentBytes()
        if kept != nil && waitsFor != .input && !isHolding { hold() }
    }

    @usableFromInline
    func ended(_ connection: Connection) {
        hasEnded = true
        if waitsFor == .input { executor.resume(self) }
    }

    @usableFromInline
    func drained(_ connection: Connection) {
        if waitsFor == .room { executor.resume(self) }
    }

    /// Never called: a task keeps its bytes itself, and does not hold input with ``Connection/holdInput()``.
    @usableFromInline
    func resumed(_ connection: Connection) {}

    /// Whoever made a connection to somebody else knows when it is done with it.
    @usableFromInline
    func draining(_ connection: Connection) {
        if server != nil { drain() }
    }

    @usableFromInline
    func closed(_ connection: Connection, reason: CloseReason) {
        isOver = true
        outlet?.close()
        if isDone { server?.ended(self) } else { executor.resume(self) }
    }

    /// Keeps what was received and not read.
    @inline(never)
    private func keepLent() {
        let queue = connection.loop.takeQueue()
        lent.withBytes { queue.append($0) }
        kept = queue
    }

    @inline(never)
    private func hold() {
        isHolding = true
        connection.pauseReading()
    }

    // MARK: The task

    private func runBody() async {
        guard let server else { return }
        do {
            try await server.body(AsyncConnection(self))
            bodyReturned(nil)
        } catch {
            bodyReturned(error)
        }
    }

    /// The closure is over: so is the connection.
    private func bodyReturned(_ error: (any Error)?) {
        isDone = true
        task = nil
        dropKept()
        outlet?.close()
        let waitError = error as? WaitError
        if error is CancellationError || waitError?.kind == .cancelled {
            connection.terminate(CloseReason(.cancelled), losesOutput: connection.hasGathered)
        } else if let framingError = waitError?.framingError {
            connection.loop.counters.framingErrors += 1
            connection.close()
            if !connection.isClosed { connection.closeReason = CloseReason(.framing, error: framingError) }
        } else if let error, !(waitError?.kind == .closed || waitError?.kind == .loopEnded) || connection.state.isOpen {
            connection.handlerThrew(error)
        } else {
            connection.close()
        }
        if isOver { server?.ended(self) }
    }

    /// The server or the loop drains: to the task, the stream ends when it has read what has arrived.
    func drain() {
        hasEnded = true
        connection.pauseReading()
        if waitsFor == .input { executor.resume(self) }
    }

    /// The server's patience is over.
    func cancelTask() {
        wasCancelled = true
        task?.cancel()
        executor.resume(self)
    }

    // MARK: Others

    /// What other tasks write with; made when first asked for.
    func makeOutlet(_ policy: ConnectionWriter.Policy, limit: Int) -> Outlet {
        if let outlet { return outlet }
        let made = Outlet(self, policy, limit: limit)
        if isDone || connection.isClosed { made.close() }
        outlet = made
        return made
    }
}
