// What a connection's task asks for and waits for: input, and room for output. The other side of the waits, the calls of
// the connection that end them, is in ConnectionTask.swift.

extension ConnectionTask {
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

    func dropKept() {
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

    /// Whether more may be written before anything is waited for.
    @usableFromInline
    var hasRoom: Bool { connection.queuedBytes <= connection.limits.high && connection.state.isOpen }

    /// Waits until output is below the low watermark.
    @usableFromInline
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

    /// Waits until the connection is over, however slowly its peer reads; returns at once when the task is cancelled.
    nonisolated(nonsending) func waitUntilClosed() async {
        while !connection.isClosed && !Task.isCancelled { await connection.loop.waitCancellably(self) }
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
}
