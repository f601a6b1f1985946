// The waits of a connection's task: for input, and for room for output. The connection's callbacks, which end the
// waits, are in ConnectionTask.swift.

extension ConnectionTask {
    // MARK: Input

    /// The number of bytes received and not read yet.
    var unreadCount: Int { lent.count + (kept?.count ?? 0) }

    /// Lends the unread bytes.
    func withUnread<Result>(_ body: (RawSpan) -> Result) -> Result {
        guard let kept else { return lent.withBytes(body) }
        return kept.withFirst(kept.count, body)
    }

    /// Marks the first `number` unread bytes as read.
    func removeUnread(_ number: Int) {
        guard let kept else { return lent.removeFirst(number) }
        kept.removeFirst(number)
        if kept.isEmpty { dropKept() }
    }

    /// Moves unread bytes to the beginning of an array; returns their number.
    @inline(__always)
    func take(into buffer: inout [UInt8]) -> Int {
        let count = withUnread { $0.copyPrefix(to: &buffer) }
        if count > 0 { removeUnread(count) }
        return count
    }

    /// Moves unread bytes to a new array.
    func takeArray(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        if count > 0 { _ = take(into: &bytes) }
        return bytes
    }

    func dropKept() {
        guard let kept else { return }
        self.kept = nil
        connection.loop.recycle(kept)
    }

    /// Waits until there are more than `number` unread bytes, or the stream has ended.
    ///
    /// - Returns: `false` when the stream has ended first.
    @inline(__always)
    nonisolated(nonsending) func waitForInput(beyond number: Int = 0) async throws(WaitError) -> Bool {
        while unreadCount <= number {
            if hasEnded { return false }
            if !connection.state.isOpen || deadlines != nil { try checkOpen(deadlines) }
            if isHolding {
                isHolding = false
                connection.resumeReading()
            }
            waitsForInput = true
            await suspend(self)
            waitsForInput = false
            if wasCancelled { throw .cancelled }
        }
        return true
    }

    // MARK: Output

    /// Writes bytes if they fit the high watermark.
    ///
    /// - Returns: Whether the task may go on; `false` when the rest of the bytes, or the task, has to wait.
    @usableFromInline
    func writeNow(_ bytes: Span<UInt8>) -> Bool {
        let sent = connection.sentCount &- sentAtPause
        return bytes.count <= connection.limits.high && connection.write(bytes) == .taken
            && sent <= connection.limits.bytesSentPerTurn
    }

    /// Writes the rest after ``writeNow(_:)``, and waits until there is room.
    @usableFromInline
    nonisolated(nonsending) func writeOn(_ bytes: Span<UInt8>) async throws(WaitError) {
        let limits = connection.limits
        // A short write has been written already, or the connection is closed.
        var written = bytes.count <= limits.high ? bytes.count : 0
        while true {
            try await waitForRoom()
            if connection.sentCount &- sentAtPause > limits.bytesSentPerTurn {
                // The peer takes everything at once: give others a turn.
                await Task.yield()
                sentAtPause = connection.sentCount
            }
            if written == bytes.count { return }
            let piece = min(bytes.count - written, max(1, min(limits.high, limits.hard / 2)))
            connection.write(bytes.extracting(written..<written + piece))
            written += piece
        }
    }

    /// Whether output may be written without waiting.
    @usableFromInline
    var hasRoom: Bool { connection.queuedBytes <= connection.limits.high && connection.state.isOpen }

    /// Waits until queued output is at or below the low watermark.
    @usableFromInline
    nonisolated(nonsending) func waitForRoom() async throws(WaitError) {
        try checkWritable()
        while connection.queuedBytes > connection.limits.low {
            connection.state.insert(.owesDrained)
            connection.askForFlush()
            waitsForRoom = true
            let wait = roomWait
            await suspend(wait)
            waitsForRoom = false
            if wait.wasCancelled { throw .cancelled }
            try checkWritable()
        }
    }

    // MARK: Waiting

    /// The suspension of a task that waits for room.
    var roomWait: Suspension { halves?.roomWait ?? self }

    /// Suspends the task until the connection resumes it.
    @inline(__always)
    private nonisolated(nonsending) func suspend(_ suspension: Suspension) async {
        if ownsTask && executor.cancellingScopes == 0 && !Task.isCancelled {
            parking.prepare(suspension)
            await parking.wait()
        } else {
            await connection.loop.waitCancellably(suspension)
        }
        sentAtPause = connection.sentCount
    }

    /// Waits until the connection is closed, however slowly its peer reads; returns at once when the task is cancelled.
    nonisolated(nonsending) func waitUntilClosed() async {
        let wait = halves?.closeWait ?? self
        while !connection.isClosed && !Task.isCancelled { await connection.loop.waitCancellably(wait) }
    }

    @inline(never)
    private func checkOpen(_ deadline: DeadlineScope?) throws(WaitError) {
        if deadline?.isExpired == true { throw .deadline }
        if !connection.state.isOpen { throw .closed(connection.closeReason) }
    }

    private func checkWritable() throws(WaitError) {
        try checkOpen(halves.map(\.deadline) ?? deadlines)
        if !connection.state.isDisjoint(with: .keepsFromWriting) { throw .closed(nil) }
    }

    /// Resumes the waiting tasks, to check their deadlines, one of which has passed.
    func deadlinePassed() {
        if waitsForInput || waitsForRoom { executor.resume(self) }
        if halves != nil { resumeHalves() }
    }
}
