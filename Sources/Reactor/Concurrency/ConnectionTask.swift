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
    private enum Wait: UInt8 { case nothing, input, room }

    @usableFromInline let connection: Connection
    // Also the loop's, but reached without counting references on the way.
    private let executor: LoopExecutor
    private let parking: Parking
    private var waitsFor = Wait.nothing
    /// The stream has ended: the peer's, or what a draining server makes of it.
    private var hasEnded = false
    /// Reading is paused because bytes are kept.
    private var isHolding = false
    /// The closure has returned.
    private var isDone = false
    /// `closed` was told.
    private var isOver = false
    /// Only we can cancel the task, so that its waits need not listen for that.
    private let ownsTask: Bool
    private var lent = LentBytes()
    private var kept: ByteQueue?
    private var task: Task<Void, Never>?
    /// Who started the task.
    private let server: TaskServer?
    /// The place in the server's list.
    var place = 0
    /// What the kernel has taken when the task was last asked to let others have their turn.
    private var sentAtPause = 0
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
        let bound = LoopBound(value: self)
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

    /// The server drains: to the task, the stream ends when it has read what has arrived.
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

    // MARK: Input

    /// Bytes that have arrived and were not read yet.
    var unreadCount: Int { lent.count + (kept?.count ?? 0) }

    /// Lends them.
    func withUnread<Result>(_ body: (RawSpan) -> Result) -> Result {
        guard let kept else { return lent.withBytes(body) }
        return kept.withFirst(kept.count, body)
    }

    /// The first of them are read.
    func removeUnread(_ number: Int) {
        guard let kept else { return lent.removeFirst(number) }
        kept.removeFirst(number)
        if kept.isEmpty { dropKept() }
    }

    /// Moves unread bytes to the beginning of an array; answers how many.
    @inline(__always)
    func take(into buffer: inout [UInt8]) -> Int {
        let count = withUnread { $0.copyPrefix(to: &buffer) }
        if count > 0 { removeUnread(count) }
        return count
    }

    /// Moves unread bytes to an array of their own.
    func takeArray(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        if count > 0 { _ = take(into: &bytes) }
        return bytes
    }

    private func dropKept() {
        guard let kept else { return }
        self.kept = nil
        connection.loop.recycle(kept)
    }

    /// Waits until there are more than `number` unread bytes, or the stream has ended.
    ///
    /// - Returns: Whether there are.
    @inline(__always)
    nonisolated(nonsending) func waitForInput(beyond number: Int = 0) async throws(WaitError) -> Bool {
        while unreadCount <= number {
            if hasEnded { return false }
            if !connection.state.isOpen || deadlines != nil { try checkOpen() }
            if isHolding {
                isHolding = false
                connection.resumeReading()
            }
            waitsFor = .input
            await suspend()
            waitsFor = .nothing
            if wasCancelled { throw .cancelled }
        }
        return true
    }

    // MARK: Output

    /// Writes bytes, if they are few enough to be written at once; `true` when the task may go on, `false` when the rest of
    /// them, or the task, has to wait.
    @usableFromInline
    func writeNow(_ bytes: Span<UInt8>) -> Bool {
        let sent = connection.sentCount &- sentAtPause
        return bytes.count <= connection.limits.high && connection.write(bytes) == .taken
            && sent <= connection.limits.bytesSentPerTurn
    }

    /// Writes what ``writeNow(_:)`` did not, and waits until there is room again.
    @usableFromInline
    nonisolated(nonsending) func writeOn(_ bytes: Span<UInt8>) async throws(WaitError) {
        let limits = connection.limits
        // Few bytes were written already, or the connection is over.
        var written = bytes.count <= limits.high ? bytes.count : 0
        while true {
            try await waitForRoom()
            if connection.sentCount &- sentAtPause > limits.bytesSentPerTurn {
                // The peer takes whatever comes: others have their turn too.
                await Task.yield()
                sentAtPause = connection.sentCount
            }
            if written == bytes.count { return }
            let piece = min(bytes.count - written, max(1, min(limits.high, limits.hard / 2)))
            connection.write(bytes.extracting(written..<written + piece))
            written += piece
        }
    }

    /// Waits until output is below the low watermark.
    nonisolated(nonsending) func waitForRoom() async throws(WaitError) {
        try checkWritable()
        while connection.queuedBytes > connection.limits.low {
            connection.state.insert(.owesDrained)
            connection.askForFlush()
            waitsFor = .room
            await suspend()
            waitsFor = .nothing
            if wasCancelled { throw .cancelled }
            try checkWritable()
        }
    }

    // MARK: Waiting

    /// Waits until something happens to the connection.
    @inline(__always)
    private nonisolated(nonsending) func suspend() async {
        if ownsTask && executor.cancellingScopes == 0 && !Task.isCancelled {
            parking.prepare(self)
            await parking.wait()
        } else {
            await connection.loop.waitCancellably(self)
        }
        sentAtPause = connection.sentCount
    }

    @inline(never)
    private func checkOpen() throws(WaitError) {
        if deadlines?.isExpired == true { throw .deadline }
        if !connection.state.isOpen { throw .closed(connection.closeReason) }
    }

    private func checkWritable() throws(WaitError) {
        try checkOpen()
        if !connection.state.isDisjoint(with: .keepsFromWriting) { throw .closed(nil) }
    }

    /// A deadline has passed.
    func deadlinePassed() {
        if waitsFor != .nothing { executor.resume(self) }
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
