// One turn of the loop. This is the only place where events become calls.
//
//     flush what was written -> tell the selector what changed -> wait -> read the clock
//       -> events -> what is ready again -> newcomers -> timers -> tasks -> closings -> release
//
// Each step works on what was there when it began (invariant 8), and each list has a budget (invariant 6); while one of
// them is not empty, the wait does not block (invariant 7).

import SystemPackage

extension EventLoop {
    private static let taskBudget = 1024
    private static let timerBudget = 4096
    private static let closingBudget = 512

    func performTurn(mayWait: Bool) throws(SocketError) {
        if !unflushed.isEmpty { flushUnflushed() }
        if registry.hasChanges { flushRegistry() }
        var found = spareEvents
        spareEvents = []
        try wait(mayWait: mayWait, into: &found)
        slowCallbacks.turnBegan(at: kernel.ticks())
        counters.turns += 1

        counters.events += found.count
        for event in found { dispatch(event) }
        found.removeAll(keepingCapacity: true)
        spareEvents = found
        if !readyAgain.isEmpty { dispatchReadyAgain() }
        if !alwaysReady.isEmpty { dispatchAlwaysReady() }
        if !listenersReady.isEmpty { acceptNewcomers() }
        if timers.count > 0 { fireTimers() }
        if !tasks.isEmpty { runTasks(budget: Self.taskBudget) }
        if !closing.isEmpty { finishClosings(budget: Self.closingBudget) }
        registry.releaseRetired()
    }

    // MARK: Waiting

    private func wait(mayWait: Bool, into found: inout [ReadyEvent]) throws(SocketError) {
        let hasTasks = handle.mailbox.fallAsleep()
        let timeout = mayWait && !hasTasks ? waitTimeout() : .none
        let result = selector.wait(into: &found, timeout: timeout)
        turnTime = kernel.now()
        if handle.mailbox.wakeUp() || hasTasks {
            for task in handle.mailbox.takeAll() { tasks.append { task(self) } }
        }
        // Interrupted or out of memory: nothing was found, and the next turn computes its timeout anew.
        if let errno = result.errno, errno.faultClass != .retry, errno.faultClass != .resources {
            throw SocketError(.watch, subject: "descriptors with \(backend)", errno: errno)
        }
    }

    private func waitTimeout() -> WaitTimeout {
        guard
            tasks.isEmpty, readyAgain.isEmpty, closing.isEmpty, unflushed.isEmpty, !registry.hasChanges, !isStopping,
            !alwaysReady.contains(where: { !registry.interest(of: $0).isEmpty })
        else { return .none }
        guard let deadline = timers.soonest() else { return .forever }
        // The clock as it is now: callbacks took their time since `now` was read.
        return WaitTimeout(nanoseconds: max(0, deadline.nanoseconds - kernel.now().nanoseconds))
    }

    // MARK: Events

    @inline(__always)
    private func dispatch(_ event: ReadyEvent) {
        guard let source = registry.source(for: event.token) else {
            counters.staleEvents += 1
            return
        }
        // Hang-up and errors are told to everyone. Who wants nothing now would be told again and again.
        if event.readiness.rawValue & (Readiness.hangUp.rawValue | Readiness.error.rawValue) != 0 {
            registry.muteIfUnwanted(event.token, in: selector)
        }
        source.borrowed { $0.ready(event.readiness) }
    }

    private func dispatchReadyAgain() {
        var batch = readyAgain
        readyAgain = spareReadyAgain
        spareReadyAgain = []
        for event in batch { dispatch(event) }
        batch.removeAll(keepingCapacity: true)
        spareReadyAgain = batch
    }

    private func dispatchAlwaysReady() {
        for source in alwaysReady where source.isRegistered {
            let interest = registry.interest(of: source)
            if !interest.isEmpty { source.ready(Readiness(rawValue: UInt16(interest.rawValue))) }
        }
        alwaysReady.removeAll { !$0.isRegistered }
    }

    private func acceptNewcomers() {
        forEachTaken(from: \.listenersReady) { if $0.isRegistered { $0.readyAfterOthers() } }
    }

    // MARK: Timers and tasks

    private func fireTimers() {
        let mark = timers.mark
        var left = Self.timerBudget
        while left > 0, let action = timers.takeDue(at: turnTime, before: mark) {
            left -= 1
            counters.timersFired += 1
            switch action {
            case .call(let action):
                action()
                callbackReturned(named: "timer")
            case .source(let source):
                source.deadlineReached()
            case .nothing:
                break
            }
        }
    }

    func runTasks(budget: Int) {
        let batch = tasks
        tasks = []
        for task in batch.prefix(budget) {
            counters.tasksRun += 1
            task()
            callbackReturned(named: "task")
        }
        if batch.count > budget { tasks.insert(contentsOf: batch.dropFirst(budget), at: 0) }
    }

    // MARK: The end of a turn

    private func flushUnflushed() {
        forEachTaken(from: \.unflushed) { $0.flushOutput() }
    }

    private func flushRegistry() {
        let refused = registry.flush(to: selector)
        for (source, errno) in refused { source.registrationFailed(errno) }
    }

    func finishClosings(budget: Int) {
        var left = budget
        var postponed: [EventSource] = []
        forEachTaken(from: \.closing) { source in
            if left > 0 {
                left -= 1
                source.finishClosing()
            } else {
                postponed.append(source)
            }
        }
        if !postponed.isEmpty { closing.insert(contentsOf: postponed, at: 0) }
    }

    /// Calls `body` with the sources that are in a list now; what is added meanwhile stays for the next time.
    private func forEachTaken(from list: ReferenceWritableKeyPath<EventLoop, [EventSource]>, _ body: (EventSource) -> Void)
    {
        var batch = spareSources
        spareSources = []
        swap(&batch, &self[keyPath: list])
        for source in batch { body(source) }
        batch.removeAll(keepingCapacity: true)
        spareSources = batch
    }
}
