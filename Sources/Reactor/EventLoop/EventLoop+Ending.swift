// How a loop ends: stopped, drained of its last connection, shut down.
//
//     running --stop(), or the last connection of a drain has closed--> stopping --end of the turn--> shut down

extension EventLoop {
    /// Ends ``run()`` after the current turn. Call it on the loop's thread; other threads use ``LoopHandle/stop()``.
    public func stop() { isStopping = true }

    /// Closes everything that belongs to the loop and releases its resources.
    ///
    /// Closes every connection, watch and listener and makes the last call of each handler, runs the queued tasks, and
    /// resumes Swift tasks that wait for the loop; their waits throw. Called by ``run()`` at its end; calling it again
    /// does nothing. ``offload(_:then:)`` documents how long it waits for blocking work.
    public func shutdown() {
        precondition(!isInTurn, "shutdown() was called from inside the loop; call stop()")
        if isShutDown { return }
        isShutDown = true
        isInTurn = true
        executor.turnBegan()
        companion?.loopEnds()
        for task in handle.mailbox.close() { tasks.append { task(self) } }
        runTasks(budget: .max)
        offloaded.end(kernel)
        for source in registry.all() where source !== wakeUp { source.loopEnded() }
        // Callbacks may close other sources, but nothing new is accepted, so this terminates.
        while !closing.isEmpty { closing.drain { $0.finishClosing() } }
        runLastJobs()
        unflushed.removeAll()
        if let wakeUp {
            if wakeUp.isRegistered { registry.remove(wakeUp, from: selector, closesAlone: true) }
            wakeUp.close()
        }
        wakeUp = nil
        reserve.take()?.close(kernel)
        unblockBrokenPipe()
        registry.releaseRetired()
        timers.removeAll()
        rateTicks.removeAll()
        readyAgain.removeAll()
        let ended = alwaysReady
        alwaysReady = []
        tasks.removeAll()
        selector.close()
        executor.turnEnded()
        executor.close()
        isInTurn = false
        withExtendedLifetime(ended) {}
    }

    // MARK: Draining

    /// Counts a connection that closed while draining, and stops the loop if it was the last one.
    func connectionFinished() {
        guard isDraining && !isStopping else { return }
        counters.drainsFinished += 1
        endDrainIfIdle()
    }

    /// Stops a draining loop that has nothing left to wait for.
    func endDrainIfIdle() {
        if isDraining && connectionCount == 0 && awaited == 0 { stop() }
    }
}
