// What a loop counts. Plain additions on the loop's thread; no clock is read for any of them.

/// Counters of an event loop since it was made.
public struct LoopStatistics: Sendable, Hashable {
    /// Turns of the loop; each waits once.
    public internal(set) var turns = 0
    /// Events that the selector reported.
    public internal(set) var events = 0
    /// Events whose registration was gone, or another's, when their turn came: dropped.
    public internal(set) var staleEvents = 0
    /// Connections accepted, and those made by connecting.
    public internal(set) var connectionsOpened = 0
    /// Connections closed, for whatever reason.
    public internal(set) var connectionsClosed = 0
    /// Connections accepted and closed at once because a limit was reached.
    public internal(set) var connectionsRefused = 0
    /// Connections that ended because their handler threw.
    public internal(set) var handlerErrors = 0
    /// Connections that ended because what came was no message by their framing.
    public internal(set) var framingErrors = 0
    /// Times that accepting had to pause because descriptors or memory ran out.
    public internal(set) var acceptPauses = 0
    /// Deliveries of bytes to handlers.
    public internal(set) var receives = 0
    /// Bytes received.
    public internal(set) var bytesReceived = 0
    /// Calls of `send`.
    public internal(set) var sends = 0
    /// Bytes that the kernel took.
    public internal(set) var bytesSent = 0
    /// Times that reading from a peer was paused because it did not read itself.
    public internal(set) var pressurePauses = 0
    /// Changes of the selector.
    public internal(set) var switches = 0
    /// Timers that fired.
    public internal(set) var timersFired = 0
    /// Tasks run.
    public internal(set) var tasksRun = 0
    /// Callbacks that took longer than ``EventLoop/slowCallbackThreshold``.
    public internal(set) var slowCallbacks = 0
}
