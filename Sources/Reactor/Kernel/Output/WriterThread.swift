// A bounded queue with a thread behind it that may block. Whoever appends never waits: what does not fit is dropped and
// counted, and the thread is given the count in its place among the values.
//
//     append --there is room--> queued --the thread is free--> consumed, a batch at a time
//        +---- full, or something was dropped since the thread last took a batch: dropped, counted

import SystemPackage

/// Values on their way to a thread of their own.
package final class WriterThread<Element: Sendable>: Sendable {
    private struct State {
        var queued: [Element] = []
        /// Costs of what is queued and of what is being consumed.
        var cost = 0
        var batchCost = 0
        /// Since the last batch was taken.
        var dropped = 0
        var droppedInAll = 0
        var isStarted = false
        /// The thread waits for something to do.
        var isIdle = false
        var isConsuming = false
        var isEnding = false

        var hasWork: Bool { !queued.isEmpty || dropped > 0 }
    }

    private let name: String
    private let capacity: Int
    private let state = Monitor(State())
    private let consume: @Sendable ([Element], Int) -> Void

    /// A queue. Its thread starts with the first value, so that a process that appends nothing has no other thread.
    ///
    /// - Parameters:
    ///   - name: of the thread.
    ///   - capacity: the sum of costs that may be queued or being consumed.
    ///   - consume: takes what was queued, and how many values were dropped after these; called on the thread, and may
    ///     block.
    package init(named name: String, capacity: Int, consume: @escaping @Sendable ([Element], Int) -> Void) {
        self.name = name
        self.capacity = capacity
        self.consume = consume
    }

    /// The thread consumes what is queued, and ends.
    deinit {
        state.withLock { $0.isEnding = true }
        state.wakeAll()
    }

    /// Values that were dropped because the queue was full.
    package var dropped: Int { state.withLock { $0.droppedInAll } }

    /// Queues a value. On any thread; never waits for the consumer.
    ///
    /// - Returns: Whether there was room.
    @discardableResult
    package func append(_ element: Element, cost: Int = 1) -> Bool {
        let (isTaken, isIdle, isNew) = state.withLock { state in
            // Behind a gap there is no value until the consumer knows of the gap.
            let isTaken = state.dropped == 0 && cost <= capacity - state.cost
            if isTaken {
                state.queued.append(element)
                state.cost += cost
            } else {
                state.dropped += 1
                state.droppedInAll += 1
            }
            let isNew = !state.isStarted
            state.isStarted = true
            return (isTaken, state.isIdle, isNew)
        }
        if isNew { start() } else if isIdle { state.wakeAll() }
        return isTaken
    }

    /// Waits until all that was appended before is consumed, but no longer than `time`.
    ///
    /// - Returns: Whether it is.
    @discardableResult
    package func flush(within time: Duration) -> Bool {
        state.wait(within: time) { state in state.hasWork || state.isConsuming ? nil : true } ?? false
    }

    private func start() {
        let (state, consume) = (state, consume)
        do throws(SocketError) {
            try SystemThread.start(named: name) { Self.run(state, consume) }.detach()
        } catch {
            // No room for a thread at this moment: the next value tries again, and until then the queue fills.
            state.withLock { $0.isStarted = false }
        }
    }

    private static func run(_ state: Monitor<State>, _ consume: ([Element], Int) -> Void) {
        while true {
            let batch: (elements: [Element], dropped: Int)? = state.wait { state -> (([Element], Int)?)? in
                state.isIdle = !state.hasWork
                guard state.hasWork else { return state.isEnding ? .some(nil) : nil }
                let batch = (state.queued, state.dropped)
                state.queued = []
                (state.dropped, state.batchCost, state.isConsuming) = (0, state.cost, true)
                return batch
            }
            guard let batch else { return }
            consume(batch.elements, batch.dropped)
            state.withLock { state in
                state.cost -= state.batchCost
                (state.batchCost, state.isConsuming) = (0, false)
            }
            // Somebody may wait for the end of this in `flush`.
            state.wakeAll()
        }
    }
}
