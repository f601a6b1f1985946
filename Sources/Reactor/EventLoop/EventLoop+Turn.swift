// One turn of the loop. This is the only place where events become calls.
//
//     flush unflushed output -> flush changes of interest -> wait -> read the clock
//       -> events -> redispatched sources -> accepts -> timers -> tasks -> jobs -> closings -> release
//
// Each step works on what was queued when it began (invariant 8), except that jobs run in rounds; and each list has a
// budget (invariant 6). While one of them is not empty, the wait does not block (invariant 7).

import SystemPackage

extension EventLoop {
    private static let taskBudget = 1024
    private static let timerBudget = 4096
    private static let jobBudget = 1024
    /// How often in a turn the jobs that other jobs have enqueued are run, too: an actor call is two of them.
    private static let jobRounds = 128
    private static let closingBudget = 512
    /// The number of jobs that a loop still runs when it ends. Any left after that belong to tasks that never end.
    private static let lastJobs = 100_000

    func performTurn(mayWait: Bool) throws(SocketError) {
        if !unflushed.isEmpty { unflushed.drain { $0.flushOutput() } }
        if registry.hasChanges { flushRegistry() }
        try wait(mayWait: mayWait)
        // Work that events add from here on waits for the next turn (invariant 8).
        let (againCount, lastTimer, taskCount) = (readyAgain.count, timers.mark, tasks.count)
        callbackClock.turnBegan(at: ticks())
        counters.turns += 1

        counters.events += found.count
        found.forEach { dispatch($0) }
        found.removeAll()
        if againCount > 0 { readyAgain.drain(budget: againCount) { dispatchAgain($0) } }
        if hasAlwaysReady { dispatchAlwaysReady() }
        if !listenersReady.isEmpty { listenersReady.drain { if $0.isRegistered { $0.readyAfterOthers() } } }
        if timers.mayBeDue(at: turnTime) { fireTimers(upTo: lastTimer) }
        if taskCount > 0 { runTasks(budget: min(taskCount, Self.taskBudget)) }
        // This includes the jobs that the events of this turn enqueued.
        if !executor.jobs.isEmpty { runRoundsOfJobs() }
        if !closing.isEmpty { closing.drain(budget: Self.closingBudget) { $0.finishClosing() } }
        registry.releaseRetired()
        if callbackClock.isMeasuring { measureTurn() }
    }

    @inline(never)
    private func measureTurn() {
        callbackClock.adjust(turnBeganAt: turnTime)
        counters.lag.add(nanoseconds: callbackClock.nanosecondsOfTurn(until: ticks()))
    }

    // MARK: Waiting

    private func wait(mayWait: Bool) throws(SocketError) {
        let hasTasks = handle.mailbox.fallAsleep()
        let timeout = mayWait && !hasTasks ? waitTimeout() : .none
        let result = selector.wait(into: found, timeout: timeout)
        turnTime = kernel.now()
        if handle.mailbox.wakeUp() || hasTasks {
            for task in handle.mailbox.takeAll() { tasks.append { task(self) } }
        }
        // Interrupted: no event was found, and the next turn computes its timeout again.
        guard let errno = result.errno, errno.faultClass != .retry else { return }
        guard errno.faultClass == .resources else {
            throw SocketError(.watch, subject: "descriptors with \(backend)", errno: errno)
        }
        // No memory for the wait: sleep briefly in a call that needs none, instead of retrying in a busy loop.
        var nothing: [PollEntry] = []
        var span = nothing.mutableSpan
        _ = kernel.poll(&span, timeout: WaitTimeout(nanoseconds: 10_000_000))
    }

    private func waitTimeout() -> WaitTimeout {
        guard
            tasks.isEmpty, executor.jobs.isEmpty, readyAgain.isEmpty, closing.isEmpty, unflushed.isEmpty,
            !registry.hasChanges, !isStopping,
            !(hasAlwaysReady && alwaysReady.contains { !registry.interest(of: $0).isEmpty })
        else { return .none }
        guard let deadline = timers.soonest() else { return .forever }
        // Read the clock again: callbacks have run since `now` was read.
        return WaitTimeout(nanoseconds: max(0, deadline.nanoseconds - kernel.now().nanoseconds))
    }

    // MARK: Events

    @inline(__always)
    private func dispatch(_ event: ReadyEvent) {
        guard let source = registry.source(for: event.token) else {
            counters.staleEvents += 1
            return
        }
        // Hang-ups and errors are reported whatever the interest. A source without interest would receive them in every
        // turn.
        if event.readiness.rawValue & Readiness.unasked.rawValue != 0 {
            if event.readiness.contains(.invalid) { return loseDescriptor(of: source.source) }
            registry.muteIfUnwanted(event.token, in: selector)
        }
        source.borrowed { $0.ready(event.readiness) }
    }

    /// Redispatches a source with the readiness that was noted for it.
    private func dispatchAgain(_ event: ReadyEvent) {
        guard let source = registry.source(for: event.token)?.source else { return }
        let readiness = source.readyAgain
        source.readyAgain = []
        dispatch(ReadyEvent(token: event.token, readiness: readiness))
    }

    private func dispatchAlwaysReady() {
        for source in alwaysReady where source.isRegistered {
            let interest = registry.interest(of: source)
            if !interest.isEmpty { source.ready(Readiness(rawValue: UInt16(interest.rawValue))) }
        }
        alwaysReady.removeAll { !$0.isRegistered }
        hasAlwaysReady = !alwaysReady.isEmpty
    }

    // MARK: Timers and tasks

    private func fireTimers(upTo mark: UInt64) {
        var left = Self.timerBudget
        while left > 0, let action = timers.takeDue(at: turnTime, before: mark) {
            left -= 1
            counters.timersFired += 1
            switch action {
            case .call(let action):
                trace?.callback("timer")
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
        tasks.drain(budget: budget) { task in
            counters.tasksRun += 1
            trace?.callback("task")
            task()
            callbackReturned(named: "task")
        }
    }

    /// Runs the queued jobs, and those that they enqueue, so that a task which calls actors goes on within the turn: its
    /// output then leaves in one send, and its interest is flushed once. A task that yields indefinitely takes part in
    /// every round, and no more.
    @inline(never)
    private func runRoundsOfJobs() {
        var (left, rounds) = (Self.jobBudget, Self.jobRounds)
        repeat {
            let number = min(left, executor.jobs.count)
            runJobs(budget: number)
            left -= number
            rounds -= 1
        } while !executor.jobs.isEmpty && left > 0 && rounds > 0
    }

    private func runJobs(budget: Int) {
        executor.jobs.drain(budget: budget) { job in
            counters.jobsRun += 1
            executor.run(job)
            callbackReturned(named: "job of a task")
        }
    }

    /// Resumes all waiting tasks when the loop ends, and runs the jobs that this enqueues.
    func runLastJobs() {
        executor.endWaits()
        var left = Self.lastJobs
        while executor.takeLate() && left > 0 {
            left -= executor.jobs.count
            runJobs(budget: .max)
            while !closing.isEmpty { closing.drain { $0.finishClosing() } }
        }
    }

    // MARK: Changes of interest

    private func flushRegistry() {
        let refused = registry.flush(to: selector)
        // The handler of one refused source may have cancelled the next.
        for (source, errno) in refused where source.isRegistered {
            // The descriptor was closed, or is another file by now, which the selector does not know (epoll_ctl(2)).
            if errno == .badFileDescriptor || errno == .noSuchFileOrDirectory {
                loseDescriptor(of: source)
            } else {
                source.registrationFailed(errno)
            }
        }
    }
}
