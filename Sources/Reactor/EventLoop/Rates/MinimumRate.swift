// The minimum rate at which a peer must send what it has announced: without one, a byte now and then holds a
// connection, a file and its descriptors indefinitely (Apache calls it `RequestReadTimeout body=20,MinRate=500`). This
// file only counts and compares; the caller sets the timers.

/// The minimum average rate of an upload.
public struct MinimumRate: Sendable, Hashable {
    /// Bytes per second, at least 1. Default: 500.
    public var bytesPerSecond: Int
    /// Time granted to every upload in addition, whatever its size. Default: 30 s.
    public var grace: Duration

    /// Creates a minimum rate.
    public init(bytesPerSecond: Int = 500, grace: Duration = .seconds(30)) {
        self.bytesPerSecond = bytesPerSecond
        self.grace = grace
    }
}

/// The progress of one upload, compared with a minimum rate.
package struct UploadClock: Sendable {
    private let rate: MinimumRate
    private var start: MonotonicTime
    private var bytes = 0

    /// Starts the clock of an upload that begins now.
    package init(_ rate: MinimumRate, at now: MonotonicTime) {
        self.rate = rate
        start = now
    }

    /// Counts received bytes.
    package mutating func received(_ count: Int) { bytes = bytes.addingReportingOverflow(count).partialValue }

    /// Starts again, after a time in which this side did not read.
    package mutating func restart(at now: MonotonicTime) { (start, bytes) = (now, 0) }

    /// The time at which the upload is too slow, unless more bytes arrive.
    package var deadline: MonotonicTime {
        let perSecond = max(1, rate.bytesPerSecond)
        let (seconds, rest) = max(0, bytes).quotientAndRemainder(dividingBy: perSecond)
        let part = Duration.milliseconds(Int64(Double(rest) / Double(perSecond) * 1000))
        return start.advanced(by: max(.zero, rate.grace)).advanced(by: .seconds(seconds)).advanced(by: part)
    }
}
