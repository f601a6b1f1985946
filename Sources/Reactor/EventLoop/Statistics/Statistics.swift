// A loop's counters. Plain additions on the loop's thread; counting reads no clock, and times are measured only on
// request.

/// The counters of an event loop since it was created.
public struct LoopStatistics: Sendable {
    /// Creates counters that are all zero.
    package init() {}

    // MARK: Turns

    /// Turns of the loop; each waits once.
    public internal(set) var turns = 0
    /// Events that the selector reported.
    public internal(set) var events = 0
    /// Events dropped because their registration was gone, or had been replaced, before they were dispatched.
    public internal(set) var staleEvents = 0
    /// Switches of the selector.
    public internal(set) var switches = 0
    /// Timers that fired.
    public internal(set) var timersFired = 0
    /// Tasks run.
    public internal(set) var tasksRun = 0
    /// Jobs of Swift tasks run, except those that resumed while an event was handled.
    public internal(set) var jobsRun = 0

    // MARK: Connections

    /// Connections opened: accepted, or established by connecting.
    public internal(set) var connectionsOpened = 0
    /// Connections accepted; part of ``connectionsOpened``.
    public internal(set) var connectionsAccepted = 0
    /// Connections closed, for any reason.
    public internal(set) var connectionsClosed = 0
    /// Connections refused: accepted and closed before they had a handler, for any reason.
    public internal(set) var connectionsRefused = 0
    /// Refused connections by reason.
    public internal(set) var refusals = RefusalCounts()
    /// Connections closed because their handler threw.
    public internal(set) var handlerErrors = 0
    /// Connections closed for malformed messages.
    public internal(set) var framingErrors = 0
    /// Times that accepting paused because descriptors or memory ran out.
    public internal(set) var acceptPauses = 0
    /// Times that backpressure paused reading from a peer that did not read.
    public internal(set) var pressurePauses = 0
    /// Connections that closed while the loop drained, before its deadline.
    public internal(set) var drainsFinished = 0
    /// Connections that were reset at the deadline of a drain.
    public internal(set) var drainsAborted = 0

    // MARK: Bytes

    /// Deliveries of received bytes to handlers.
    public internal(set) var receives = 0
    /// Bytes received.
    public internal(set) var bytesReceived = 0
    /// Successful `send` calls.
    public internal(set) var sends = 0
    /// Bytes that the kernel accepted for sending.
    public internal(set) var bytesSent = 0

    // MARK: Times

    /// Callbacks that took longer than ``EventLoop/slowCallbackThreshold``.
    public internal(set) var slowCallbacks = 0
    /// The duration of each callback of handlers, watches, timers, tasks and signals, including the system calls that
    /// the loop made for it just before. Empty unless ``EventLoop/measuresTimes`` is set.
    public internal(set) var callbackTimes = TimeHistogram()
    /// The loop's lag, one value per turn: the time from the return of the wait to the end of the turn's work. An event
    /// that this wait found was handled at most this much later, and an event that occurred meanwhile waited for the
    /// rest of it. Empty unless ``EventLoop/measuresTimes`` is set.
    public internal(set) var lag = TimeHistogram()

    /// Returns the sum of the counters of two loops.
    package static func + (left: LoopStatistics, right: LoopStatistics) -> LoopStatistics {
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
