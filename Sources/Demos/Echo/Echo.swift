// The simplest server there is: what comes in goes out again.

public import Reactor

/// Answers every byte with the same byte.
public final class Echo: ConnectionHandler {
    /// An echo.
    public init() {}

    /// Sends the bytes back.
    public func received(_ bytes: RawSpan, on connection: Connection) {
        connection.write(bytes)
    }

    /// Closes, but first answers whoever has just come and not said anything yet.
    public func draining(_ connection: Connection) {
        if connection.bytesReceived > 0 { connection.close() }
    }
}

/// Answers every byte with the same byte, but the ASCII letters a to z with A to Z.
public final class UpperCaseEcho: ConnectionHandler {
    /// An echo in upper case.
    public init() {}

    /// Sends the bytes back, piece by piece through a buffer of fixed size, so that nothing is allocated; the pieces leave
    /// together.
    public func received(_ bytes: RawSpan, on connection: Connection) {
        var piece = InlineArray<4096, UInt8>(repeating: 0)
        var offset = 0
        while offset < bytes.byteCount {
            let count = min(4096, bytes.byteCount - offset)
            for index in 0..<count {
                let byte = bytes.byte(at: offset + index)
                piece[index] = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte - 32 : byte
            }
            connection.write(piece.span.extracting(first: count))
            offset += count
        }
    }

    /// Closes, but first answers whoever has just come and not said anything yet.
    public func draining(_ connection: Connection) {
        if connection.bytesReceived > 0 { connection.close() }
    }
}
