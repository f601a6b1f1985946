// The result of a load.

internal import Reactor

/// The result of a load.
public struct LoadResult: Sendable {
    /// The configuration of the load.
    public let configuration: LoadConfiguration
    /// The number of messages that came back complete and correct; in ``LoadMode/churn``, of connections that were
    /// made, echoed and closed.
    public let messages: Int
    /// The number of bytes of these messages, in one direction.
    public let bytes: Int
    /// The number of messages that were sent, or were due, and did not come back.
    public let unanswered: Int
    /// The time from the moment all connections were up to the last echo, and at least the planned duration of the
    /// load.
    public let elapsed: Duration
    /// The time from a message's send to its echo, in nanoseconds. With a rate, from the time at which the message was
    /// due; in ``LoadMode/churn``, from the start of the connect. `nil` when there were no messages.
    public let latency: LatencySummary?
    /// With a rate, the time from the actual send to the echo. It omits the time that messages waited to be sent, and
    /// so understates a stall of the server (coordinated omission). `nil` without a rate.
    public let uncorrected: LatencySummary?
    /// The time from the start of the connect to the first echo, for each connection set up before measuring started.
    public let setUp: LatencySummary?
    /// The time it took to set up all connections.
    public let setUpTime: Duration
    /// The number of connections that echoed at least one message.
    public let connectionsMade: Int
    /// The number of connections open at the end; 0 in ``LoadMode/churn``.
    public let connectionsLeft: Int
    /// The number of failed attempts after the last echo.
    let failedAtEnd: Int
    /// Whether no echo arrived during the final wait.
    let wasSilentAtEnd: Bool
    /// The errors, counted by kind.
    public let errors: LoadErrors
    /// The CPU time of this process, user and system, over ``elapsed`` (clock_gettime(2), `CLOCK_PROCESS_CPUTIME_ID`).
    public let cpuTime: Duration
    /// Whether ``LoadGenerator/stop()`` ended the load.
    public let wasStopped: Bool

    /// The number of messages per second.
    public var messagesPerSecond: Double { elapsed > .zero ? Double(messages) / elapsed.inSeconds : 0 }

    /// The CPU time of this process per message, in microseconds; `nil` when there were no messages.
    public var cpuMicrosecondsPerMessage: Double? {
        messages > 0 ? cpuTime.inSeconds * 1e6 / Double(messages) : nil
    }
}

/// The progress of a running load, reported once per second.
public struct LoadProgress: Sendable {
    /// Whether connections are still being set up; messages are not counted yet.
    public let isSettingUp: Bool
    /// The time since the beginning of this phase.
    public let elapsed: Duration
    /// The number of open connections that are set up; in ``LoadMode/churn``, of connections made so far.
    public let connections: Int
    /// The number of messages so far.
    public let messages: Int
    /// The number of messages per second since the last report.
    public let messagesPerSecond: Double
    /// The number of errors so far.
    public let errors: Int
}

extension Duration {
    /// This duration in seconds, as a floating-point number.
    var inSeconds: Double {
        self / .seconds(1)
    }

}

extension Int64 {
    /// Returns this time in nanoseconds plus a duration, clamped to the range of the clock.
    func advanced(by duration: Duration) -> Int64 {
        MonotonicTime(nanoseconds: self).advanced(by: duration).nanoseconds
    }
}
