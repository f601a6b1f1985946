// Between a connection, which calls, and the task that serves it, which waits: a handler that turns callbacks into
// resumptions. It owns the unread bytes and knows what the task is waiting for.
//
//     task:     running --read, nothing available--> waits for input --received, ended, closed--> running
//                  |----write, above the high watermark--> waits for room --drained, closed--> running
//               after a split, one task may wait for input while another waits for room (ConnectionHalves.swift)
//
//     bytes:    received --the task waits for input--> lent to it while it runs, until its next wait --rest--> kept
//                  |-------it does not---------------> kept, and reading pauses until the task wants more
//
// The task is resumed inside the callback that ends its wait, so its output is gathered like a handler's, and leaves in
// one send when it waits again.

import SystemPackage

/// The handler behind an ``AsyncConnection``.
@usableFromInline
final class ConnectionTask: Suspension, ConnectionHandler {
    @usableFromInline let connection: Connection
    // Also available through the loop, but without reference counting here.
    let executor: LoopExecutor
    let parking: Parking
    /// Whether a task is waiting for input, and for room for output.
    var waitsForInput = false
    var waitsForRoom = false
    /// The stream has ended, by the peer or by a draining server.
    var hasEnded = false
    /// Reading is paused because bytes are kept.
    var isHolding = false
    /// The task's closure has returned.
    private var isDone = false
    /// `closed` has been called.
    private var isOver = false
    /// Only this object can cancel the task, so its waits need no cancellation handler; `false` after a split.
    var ownsTask: Bool
    var lent = LentBytes()
    var kept: ByteQueue?
    private var task: Task<Void, Never>?
    /// The server that started the task, if any.
    private let server: TaskServer?
    /// The index in the server's list.
    var place = 0
    /// The number of bytes sent when the task last gave others a turn.
    var sentAtPause = 0
    /// The innermost deadline, if any.
    var deadlines: DeadlineScope?
    /// The outlet of other tasks' output.
    private var outlet: Outlet?
    /// The shared state of the halves after a split.
    var halves: ConnectionHalves?

    init(_ connection: Connection, server: TaskServer?) {
        self.connection = connection
        executor = connection.loop.executor
        parking = executor.parking
        self.server = server
        ownsTask = server != nil
    }

    // MARK: Callbacks of the connection

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
        if waitsForInput { executor.resume(self) }
        if lent.count > 0 { keepLent() }
        lent = LentBytes()
        if kept != nil && !waitsForInput && !isHolding { hold() }
    }

    @usableFromInline
    func ended(_ connection: Connection) {
        hasEnded = true
        if waitsForInput { executor.resume(self) }
    }

    @usableFromInline
    func drained(_ connection: Connection) {
        if waitsForRoom { executor.resume(roomWait) }
    }

    /// Never called: a task keeps its bytes itself, and does not hold input with ``Connection/holdInput()``.
    @usableFromInline
    func resumed(_ connection: Connection) {}

    /// An outgoing connection is not drained: its task knows when it is done.
    @usableFromInline
    func draining(_ connection: Connection) {
        if server != nil { drain() }
    }

    @usableFromInline
    func closed(_ connection: Connection, reason: CloseReason) {
        isOver = true
        outlet?.close()
        if halves != nil { resumeHalves() }
        if isDone { server?.ended(self) } else { executor.resume(self) }
    }

    /// Keeps the unread part of the received bytes.
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

    /// Ends the connection, because the closure has returned or thrown.
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

    /// Ends the stream for the task once it has read the bytes that have arrived, because the server or the loop
    /// drains.
    func drain() {
        hasEnded = true
        connection.pauseReading()
        if waitsForInput { executor.resume(self) }
    }

    /// Cancels the task, because the drain's deadline has passed.
    func cancelTask() {
        wasCancelled = true
        task?.cancel()
        executor.resume(self)
        if halves != nil { resumeHalves() }  // their tasks are children, or end when the connection has closed
    }

    // MARK: Other tasks

    /// Returns the outlet of other tasks' output, created on first use.
    func makeOutlet(_ policy: ConnectionWriter.Policy, limit: Int) -> Outlet {
        if let outlet { return outlet }
        let made = Outlet(self, policy, limit: limit)
        if isDone || connection.isClosed { made.close() }
        outlet = made
        return made
    }
}
