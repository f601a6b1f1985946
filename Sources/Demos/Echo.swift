// The simplest server there is: what comes in goes out again.

public import Reactor

/// Answers every byte with the same byte, or with its upper-case letter.
public final class Echo: ConnectionHandler {
    private let upperCase: Bool

    /// An echo; `upperCase` turns the ASCII letters a to z into A to Z on their way. Default: no.
    public init(upperCase: Bool = false) { self.upperCase = upperCase }

    /// Sends the bytes back.
    public func received(_ bytes: RawSpan, on connection: Connection) {
        if upperCase {
            writeUpperCase(bytes, to: connection)
        } else {
            connection.write(bytes)
        }
    }

    /// Piece by piece through a buffer of fixed size, so that nothing is allocated; the pieces leave together.
    private func writeUpperCase(_ bytes: RawSpan, to connection: Connection) {
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
}
