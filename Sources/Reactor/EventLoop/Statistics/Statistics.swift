// What a loop counts. Plain additions on the loop's thread; no clock is read for any of them, and times are measured only
// when somebody asked for them.

/// Counters of an event loop since it was made.
public struct LoopStatistics: Sendable, Hashable {
    /// Those of a loop that has done nothing.
    public init() {}

    // MARK: Turns

    /// Turns of the loop; each waits once.
    public internal(set) var turns = 0
    /// Events that the selector reported.
    public internal(set) var events = 0
    /// Events whose registration was gone, or another's, when their turn came: dropped.
    public internal(set) var staleEvents = 0
    /// Changes of the selector.
    public internal(set) var switches = 0
    /// Timers that fired.
    public internal(set) var timersFired = 0
    /// Tasks run.
    public internal(set) var tasksRun = 0
    /// Jobs of Swift's tasks run, but for those that went on while an event was handled.
    public internal(set) var jobsRun = 0

    // MARK: Connections

    /// Connections accepted, and those made by connecting.
    public internal(set) var connectionsOpened = 0
    /// Connections accepted: those of ``connectionsOpened`` that others began.
    public internal(set) var connectionsAccepted = 0
    /// Connections closed, for whatever reason.
    public internal(set) var connectionsClosed = 0
    /// Connections accepted and closed before there was a handler for them, for whatever reason.
    public internal(set) var connectionsRefused = 0
    /// The same by reason.
    public internal(set) var refusals = RefusalCounts()
    /// Connections that ended because their handler threw.
    public internal(set) var handlerErrors = 0
    /// Connections that ended because what came was no message by their framing.
    public internal(set) var framingErrors = 0
    /// Times that accepting had to pause because descriptors or memory ran out.
    public internal(set) var acceptPauses = 0
    /// Times that reading from a peer was paused because it did not read itself.
    public internal(set) var pressurePauses = 0
    /// Connections that ended while the loop drained, before its deadline.
    public internal(set) var drainsFinished = 0
    /// Connections that were there at the deadline of draining, and were reset.
    public internal(set) var drainsAborted = 0

    // MARK: Bytes

    /// Deliveries of bytes to handlers.
    public internal(set) var receives = 0
    /// Bytes received.
    public internal(set) var bytesReceived = 0
    /// Calls of `send`.
    public internal(set) var sends = 0
    /// Bytes that the kernel took.
    public internal(set) var bytesSent = 0

    // MARK: Times

    /// Callbacks that took longer than ``EventLoop/slowCallbackThreshold``.
    public internal(set) var slowCallbacks = 0
    /// How long each callback took: of handlers, watches, timers, tasks and signals, with the system calls that the loop
    /// made for the callback just before it. Empty unless ``EventLoop/measuresTimes`` is set.
    public internal(set) var callbackTimes = TimeHistogram()
    /// The loop's lag, a time for each turn: from the return of the wait to the end of all that was done then. What was
    /// found ready by that wait was handled at most so much later, and what became ready meanwhile waited for the rest of
    /// it. Empty unless ``EventLoop/measuresTimes`` is set.
    public internal(set) var lag = TimeHistogram()

    /// The counters of two loops, summed.
    public static func + (left: LoopStatistics, right: LoopStatistics) -> LoopStatistics {
        var sum = left
        sum.turns += right.turns
        sum.events += right.events
        sum.staleEvents += right.staleEvents
        sum.switches += right.switches
        sum.timersFired += right.timersFired
        sum.tasksRun += right.tasksRun
        sum.jobsRun += right.jobsRun
        sum.connectionsOpened += right.connectionsOpened
        sum.connectionsAccepted += right.connectionsAccepted
        sum.connectionsClosed += right.connectionsClosed
        sum.connectionsRefused += right.connectionsRefused
        for reason in Refusal.all { sum.refusals[reason] += right.refusals[reason] }
        sum.handlerErrors += right.handlerErrors
        sum.framingErrors += right.framingErrors
        sum.acceptPauses += right.acceptPauses
        sum.pressurePauses += right.pressurePauses
        sum.drainsFinished += right.drainsFinished
        sum.drainsAborted += right.drainsAborted
        sum.receives += right.receives
        sum.bytesReceived += right.bytesReceived
        sum.sends += right.sends
        sum.bytesSent += right.bytesSent
        sum.slowCallbacks += right.slowCallbacks
        sum.callbackTimes = left.callbackTimes + right.callbackTimes
        sum.lag = left.lag + right.lag
        return sum
    }
}
