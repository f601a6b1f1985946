// A bounded queue whose consumer runs on a thread that may block. A producer never waits: values that do not fit are
// dropped and counted, and the consumer receives the count in order with the values.
//
//     append --there is room--> queued --the thread is free--> consumed, a batch at a time
//        +---- full, or a value was dropped since the thread last took a batch: dropped, counted

import SystemPackage

/// A bounded queue of values with a consumer thread of its own.
package final class WriterThread<Element: Sendable>: Sendable {
    private struct State {
        var queued: [Element] = []
        /// The costs of all queued values and of the batch being consumed.
        var cost = 0
        var batchCost = 0
        /// Values dropped since the last batch was taken.
        var dropped = 0
        var droppedInAll = 0
        var isStarted = false
        /// Whether the thread is waiting for work.
        var isIdle = false
        var isConsuming = false
        var isEnding = false

        var hasWork: Bool { !queued.isEmpty || dropped > 0 }
    }

    private let name: String
    private let capacity: Int
    private let state = Monitor(State())
    private let consume: @Sendable ([Element], Int) -> Void

    /// Creates a queue. Its thread starts with the first value: a process that appends nothing stays single-threaded.
    ///
    /// - Parameters:
    ///   - name: the name of the thread.
    ///   - capacity: the maximum total cost of values that are queued or being consumed.
    ///   - consume: called on the thread, where it may block, with the queued values and the number of values dropped
    ///     after them.
    package init(named name: String, capacity: Int, consume: @escaping @Sendable ([Element], Int) -> Void) {
        self.name = name
        self.capacity = capacity
        self.consume = consume
    }

    /// Lets the thread consume the queued values and end.
    deinit {
        state.withLock { $0.isEnding = true }
        state.wakeAll()
    }

    /// The number of values dropped because the queue was full.
    package var dropped: Int { state.withLock { $0.droppedInAll } }

    /// Queues a value. Any thread may call it; it never waits for the consumer.
    ///
    /// - Parameters:
    ///   - element: the value.
    ///   - cost: its share of the capacity. Default: 1.
    /// - Returns: Whether there was room; `false` if the value was dropped.
    @discardableResult
    package func append(_ element: Element, cost: Int = 1) -> Bool {
        let (isTaken, isIdle, isNew) = state.withLock { state in
            // After a drop, further values are dropped too until the consumer has received the count, to keep the
            // order.
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

    /// Waits until all values appended before are consumed, or `time` has passed.
    ///
    /// - Returns: Whether they are consumed.
    @discardableResult
    package func flush(within time: Duration) -> Bool {
        state.wait(within: time) { state in state.hasWork || state.isConsuming ? nil : true } ?? false
    }

    private func start() {
        let (state, consume) = (state, consume)
        do throws(SocketError) {
            try SystemThread.start(named: name) { Self.run(state, consume) }.detach()
        } catch {
            // The thread cannot be created now: the next value tries again, and until then the queue fills.
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
            // Wakes threads that wait in `flush`.
            state.wakeAll()
        }
    }
}
