// What backpressure does to the connection that meets it: a choice of each connection, since pausing is right for
// request and answer, and stops a relay, whose two directions then wait for each other.
//
//     pausesReading:  output above the high watermark --> reading of the same peer pauses --low watermark--> resumes
//     reportsOnly:    output above the high watermark --> `pressure` and `drained` only

/// What a connection does when its queued output exceeds ``Limits/outputHighWatermark``.
///
/// With either policy, ``WriteResult/pressure`` and ``ConnectionHandler/drained(_:)`` report the pressure, and
/// ``Limits/outputLimit`` bounds the queue.
public struct PressurePolicy: Sendable, Hashable, CustomStringConvertible {
    let isReportedOnly: Bool

    /// Reading from the same peer pauses until queued output is at or below ``Limits/outputLowWatermark``. Right where
    /// output responds to input: a peer that does not read its replies is not given more work.
    public static let pausesReading = PressurePolicy(isReportedOnly: false)
    /// Reading continues: the handler decides what to pause. For connections whose output comes from elsewhere, such as
    /// another connection, and for those that must go on reading to be able to finish writing.
    public static let reportsOnly = PressurePolicy(isReportedOnly: true)

    /// The policy in words.
    public var description: String { isReportedOnly ? "reports pressure only" : "pauses reading" }
}

extension Connection {
    /// What the connection does when its queued output exceeds the high watermark. Default:
    /// ``Limits/pressurePolicy``.
    ///
    /// A new policy takes effect at once. Setting it has no effect while the connection is part of a ``Relay``, which
    /// applies the pressure of each side to the other.
    public var pressurePolicy: PressurePolicy {
        get { state.contains(.reportsPressureOnly) ? .reportsOnly : .pausesReading }
        set {
            guard !state.contains(.relayed), newValue != pressurePolicy else { return }
            if newValue == .pausesReading {
                state.remove(.reportsPressureOnly)
                if state.contains(.queued) { flushInNextTurn() }  // settles, and pauses if too much is left
            } else {
                reportPressureOnly()
            }
        }
    }

    /// Stops pausing this connection for its own output.
    func reportPressureOnly() {
        state.insert(.reportsPressureOnly)
        guard state.contains(.pausedByPressure) else { return }
        state.remove(.pausedByPressure)
        readingResumed()
    }
}
