// What the generator asks of the three modes of a load, and what they tell it.

/// What a mode of the load does; the generator tells it when.
protocol Workload: AnyObject {
    /// Opens what has to be open before the time is taken; then calls ``LoadGenerator/setUpDone()``.
    func setUp()
    /// The time is taken from now on.
    func begin(at now: Int64)
    /// The time is over: nothing more is begun. What is on its way is waited for, and ``LoadGenerator/workDone()`` called.
    func stopSending(at now: Int64)
    /// The end: connections that still owe echoes are counted as late, and all are closed. Nobody is told anything more.
    func finish()
    /// Connections that are open and set up.
    var connectionCount: Int { get }
    /// Connections as progress shows them.
    var progressCount: Int { get }
    /// When all that is to be sent has had its time; `nil` where that is not known beforehand.
    var scheduledEnd: Int64? { get }
}

extension Workload {
    var progressCount: Int { connectionCount }
    var scheduledEnd: Int64? { nil }
}
