// What a load found out.

internal import Reactor

/// What a load found out.
public struct LoadResult: Sendable {
    /// What it was asked to do.
    public let configuration: LoadConfiguration
    /// Messages that came back whole and right; in ``LoadMode/churn``, connections that were made, echoed and closed.
    public let messages: Int
    /// Bytes of these messages, one way.
    public let bytes: Int
    /// Messages that were sent, or should have been, and did not come back.
    public let unanswered: Int
    /// From the moment at which all connections were up to the last echo, and at least as long as messages were to be
    /// sent or connections to be held.
    public let elapsed: Duration
    /// From a message's send to its echo, in nanoseconds. With a rate, from the time at which it should have been sent; in
    /// ``LoadMode/churn``, from the beginning of the connect. `nil` when there were no messages.
    public let latency: LatencySummary?
    /// With a rate: from the actual send to the echo. It leaves out how long messages had to wait for their turn, which is
    /// what makes a stall of the server look harmless (coordinated omission). `nil` without a rate.
    public let uncorrected: LatencySummary?
    /// From the beginning of the connect to the first echo, of each connection that was set up before the time was taken.
    public let setUp: LatencySummary?
    /// How long it took to set up all connections.
    public let setUpTime: Duration
    /// Connections that were made and echoed at least one message.
    public let connectionsMade: Int
    /// Connections that were open to the end; 0 in ``LoadMode/churn``.
    public let connectionsLeft: Int
    /// Attempts that failed after the last message that came back.
    let failedAtEnd: Int
    /// Nothing came back for as long as echoes were waited for at the end.
    let wasSilentAtEnd: Bool
    /// What went wrong.
    public let errors: LoadErrors
    /// CPU time of this process, user and system, over ``elapsed`` (clock_gettime(2), `CLOCK_PROCESS_CPUTIME_ID`).
    public let cpuTime: Duration
    /// Whether ``LoadGenerator/stop()`` ended it.
    public let wasStopped: Bool

    /// Messages a second.
    public var messagesPerSecond: Double { elapsed > .zero ? Double(messages) / elapsed.inSeconds : 0 }

    /// CPU time of this process a message, in microseconds; `nil` when there were no messages.
    public var cpuMicrosecondsPerMessage: Double? {
        messages > 0 ? cpuTime.inSeconds * 1e6 / Double(messages) : nil
    }
}

/// How a load is getting on. Told once a second.
public struct LoadProgress: Sendable {
    /// Whether connections are still being set up; messages do not count yet.
    public let isSettingUp: Bool
    /// Since the beginning of this phase.
    public let elapsed: Duration
    /// Connections that are open and set up; in ``LoadMode/churn``, connections that were made so far.
    public let connections: Int
    /// Messages so far.
    public let messages: Int
    /// Messages a second since the last progress.
    public let messagesPerSecond: Double
    /// Errors so far.
    public let errors: Int
}

extension Duration {
    /// This duration in seconds, rounded.
    var inSeconds: Double {
        self / .seconds(1)
    }

}

extension Int64 {
    /// This moment in nanoseconds, moved by a duration; beyond the range of the clock it is its end.
    func advanced(by duration: Duration) -> Int64 {
        MonotonicTime(nanoseconds: self).advanced(by: duration).nanoseconds
    }
}
