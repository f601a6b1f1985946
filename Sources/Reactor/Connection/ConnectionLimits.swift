// The limits of connections, converted once for all connections of a listener.

/// The part of ``Limits`` that a connection needs, in units that are cheap to compare: times in nanoseconds, sizes in
/// bytes. All connections of a listener share one, so that replacing its values affects them all at once.
final class ConnectionLimits {
    private(set) var idleNanoseconds: Int64
    private(set) var firstMessageNanoseconds: Int64
    private(set) var writeStallNanoseconds: Int64
    /// The interval at which a peer with unacknowledged output is checked for progress.
    private(set) var progressCheckNanoseconds: Int64
    private(set) var lingerNanoseconds: Int64
    private(set) var receivesPerTurn: Int
    private(set) var bytesReceivedPerTurn: Int
    private(set) var messagesPerTurn: Int
    private(set) var bytesSentPerTurn: Int
    private(set) var low: Int
    private(set) var high: Int
    private(set) var hard: Int
    private(set) var lingerBytes: Int
    /// For new connections.
    private(set) var readRate: RateLimit?
    private(set) var writeRate: RateLimit?
    private(set) var reportsPressureOnly: Bool

    init(_ limits: Limits) {
        idleNanoseconds = max(0, limits.idleTime?.wholeNanoseconds ?? .max)
        firstMessageNanoseconds = max(0, limits.firstMessageTime?.wholeNanoseconds ?? .max)
        writeStallNanoseconds = max(0, limits.writeStallTime?.wholeNanoseconds ?? .max)
        lingerNanoseconds = max(0, limits.lingerTime.wholeNanoseconds)
        progressCheckNanoseconds = max(1_000_000, min(writeStallNanoseconds, idleNanoseconds) / 16)
        receivesPerTurn = max(1, limits.receivesPerTurn)
        bytesReceivedPerTurn = max(1, limits.bytesReceivedPerTurn)
        messagesPerTurn = max(1, limits.messagesPerTurn)
        bytesSentPerTurn = max(1, limits.bytesSentPerTurn)
        low = max(0, limits.outputLowWatermark)
        high = max(limits.outputHighWatermark, low)
        hard = max(0, limits.outputLimit)
        lingerBytes = limits.lingerBytes
        readRate = limits.readRate
        writeRate = limits.writeRate
        reportsPressureOnly = limits.pressurePolicy == .reportsOnly
    }

    /// Replaces all values. Must not be called inside a callback of a connection that has these limits.
    func replace(with other: ConnectionLimits) {
        idleNanoseconds = other.idleNanoseconds
        firstMessageNanoseconds = other.firstMessageNanoseconds
        writeStallNanoseconds = other.writeStallNanoseconds
        progressCheckNanoseconds = other.progressCheckNanoseconds
        lingerNanoseconds = other.lingerNanoseconds
        receivesPerTurn = other.receivesPerTurn
        bytesReceivedPerTurn = other.bytesReceivedPerTurn
        messagesPerTurn = other.messagesPerTurn
        bytesSentPerTurn = other.bytesSentPerTurn
        low = other.low
        high = other.high
        hard = other.hard
        lingerBytes = other.lingerBytes
        readRate = other.readRate
        writeRate = other.writeRate
        reportsPressureOnly = other.reportsPressureOnly
    }
}
