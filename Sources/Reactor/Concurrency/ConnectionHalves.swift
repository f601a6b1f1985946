// What the two halves of a connection share: a suspension for each thing that tasks of the halves wait for, and the
// turns of the writers.
//
//     writers:   free --write--> one writes --passes its turn--> the first that waits writes | free
//                                  |  above the high watermark: waits for room, and keeps its turn
//                another write --> waits for its turn (first in, first out) --deadline, cancelled--> gives up its place

/// The shared state of the halves of a connection.
final class ConnectionHalves {
    let roomWait = Suspension()
    let closeWait = Suspension()
    /// The deadline of the task whose turn it is to write.
    var deadline: DeadlineScope?
    /// Whether a task has its turn.
    private var isWriting = false
    /// The tasks that wait for their turn, from `first` on.
    private var waiting: [TurnWait] = []
    private var first = 0

    /// Takes the turn if it is free.
    func takeFreeTurn(_ deadline: DeadlineScope?) -> Bool {
        if isWriting { return false }
        isWriting = true
        self.deadline = deadline
        return true
    }

    /// Passes the turn on to the task that has waited longest.
    func passTurn(_ executor: LoopExecutor) {
        deadline = nil
        guard first < waiting.count else {
            isWriting = false
            return
        }
        let next = waiting[first]
        first += 1
        if first == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            first = 0
        } else if first >= 64 && first * 2 >= waiting.count {
            waiting.removeFirst(first)
            first = 0
        }
        next.hasTurn = true
        executor.resume(next)
    }

    func append(_ wait: TurnWait) { waiting.append(wait) }

    /// Removes a task that has given up.
    func remove(_ wait: TurnWait) {
        if let index = waiting[first...].firstIndex(where: { $0 === wait }) { waiting.remove(at: index) }
    }

    /// Resumes all that wait, to look at the connection and at their deadlines again.
    func resumeAll(_ executor: LoopExecutor) {
        executor.resume(roomWait)
        executor.resume(closeWait)
        for wait in Array(waiting[first...]) { executor.resume(wait) }
    }
}

/// The suspension of a task that waits for its turn to write.
final class TurnWait: Suspension {
    var hasTurn = false
}

extension ConnectionTask {
    /// Lets two tasks use the connection, one in each direction.
    func split() -> ConnectionHalves {
        if let halves { return halves }
        let made = ConnectionHalves()
        halves = made
        // The tasks of the halves may be cancelled one by one.
        ownsTask = false
        // A reader that paused for the writer's pressure would stop two peers that both write first.
        connection.pressurePolicy = .reportsOnly
        return made
    }

    /// Resumes the tasks of the halves, to look at the connection and at their deadlines again.
    @inline(never)
    func resumeHalves() {
        if waitsForInput { executor.resume(self) }
        halves?.resumeAll(executor)
    }

    /// Waits until no other task writes.
    nonisolated(nonsending) func takeTurn(
        _ halves: ConnectionHalves, _ deadline: DeadlineScope?
    ) async throws(WaitError) {
        if halves.takeFreeTurn(deadline) { return }
        let wait = TurnWait()
        halves.append(wait)
        while !wait.hasTurn {
            if deadline?.isExpired == true {
                halves.remove(wait)
                throw .deadline
            }
            await connection.loop.waitCancellably(wait)
            if wait.wasCancelled && !wait.hasTurn {
                halves.remove(wait)
                throw .cancelled
            }
        }
        halves.deadline = deadline
    }

    /// Writes a message whole, once it is the task's turn and there is room.
    nonisolated(nonsending) func writeInTurn(
        _ bytes: Span<UInt8>, _ deadline: DeadlineScope?
    ) async throws(WaitError) {
        let halves = split()
        try await takeTurn(halves, deadline)
        defer { halves.passTurn(executor) }
        if !hasRoom || deadline != nil { try await waitForRoom() }
        if connection.sentCount &- sentAtPause > connection.limits.bytesSentPerTurn {
            // The peer takes everything at once: give others a turn of the loop.
            await Task.yield()
            sentAtPause = connection.sentCount
        }
        if connection.write(bytes) == .closed { throw .closed(connection.closeReason) }
    }
}
