// The limits of connections, prepared once for all of a listener's.

/// The part of ``Limits`` that a connection looks at, in units that cost nothing to compare. One for all connections of
/// a listener.
final class ConnectionLimits {
    let idle: Int64
    let firstMessage: Int64
    let writeStall: Int64
    let linger: Int64
    let receivesPerTurn: Int
    let bytesReceivedPerTurn: Int
    let messagesPerTurn: Int
    let bytesSentPerTurn: Int
    let low: Int
    let high: Int
    let hard: Int
    let lingerBytes: Int

    init(_ limits: Limits) {
        idle = limits.idleTime?.wholeNanoseconds ?? .max
        firstMessage = limits.firstMessageTime?.wholeNanoseconds ?? .max
        writeStall = limits.writeStallTime?.wholeNanoseconds ?? .max
        linger = limits.lingerTime.wholeNanoseconds
        receivesPerTurn = max(1, limits.receivesPerTurn)
        bytesReceivedPerTurn = max(1, limits.bytesReceivedPerTurn)
        messagesPerTurn = max(1, limits.messagesPerTurn)
        bytesSentPerTurn = max(1, limits.bytesSentPerTurn)
        low = limits.outputLowWatermark
        high = max(limits.outputHighWatermark, low)
        hard = limits.outputLimit
        lingerBytes = limits.lingerBytes
    }
}
