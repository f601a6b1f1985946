// The interface between the generator and the modes of a load.

/// The work of a load mode, driven by the generator.
protocol Workload: AnyObject {
    /// Opens everything that must be open before measuring starts, then calls ``LoadGenerator/setUpDone()``.
    func setUp()
    /// Starts measuring.
    func begin(at now: Int64)
    /// Stops starting messages, awaits those in flight, and calls ``LoadGenerator/workDone()``.
    func stopSending(at now: Int64)
    /// Ends the work: counts connections with echoes still due as late, closes all connections, and makes no further
    /// callback.
    func finish()
    /// The number of open connections that are set up.
    var connectionCount: Int { get }
    /// The number of connections shown as progress.
    var progressCount: Int { get }
    /// The time at which the last message has been due for an interval; `nil` where it is not known in advance.
    var scheduledEndNanoseconds: Int64? { get }
}

extension Workload {
    var progressCount: Int { connectionCount }
    var scheduledEndNanoseconds: Int64? { nil }
}
