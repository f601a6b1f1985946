// The simplest server: it sends back every byte that it receives.

package import Reactor

/// A server that echoes every byte.
package final class Echo: ConnectionHandler {
    /// Creates an echo server.
    package init() {}

    /// Echoes the input.
    package func received(_ bytes: RawSpan, on connection: Connection) {
        connection.write(bytes)
    }

    /// Closes the connection, unless it is so new that its first input is still expected.
    package func draining(_ connection: Connection) {
        if connection.bytesReceived > 0 { connection.close() }
    }
}

/// A server that echoes every byte, with the ASCII letters a to z in upper case.
package final class UpperCaseEcho: ConnectionHandler {
    /// Creates an upper-case echo server.
    package init() {}

    /// Echoes the input in upper case, in pieces through a buffer of fixed size, so that nothing is allocated; the
    /// pieces are flushed together.
    package func received(_ bytes: RawSpan, on connection: Connection) {
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

    /// Closes the connection, unless it is so new that its first input is still expected.
    package func draining(_ connection: Connection) {
        if connection.bytesReceived > 0 { connection.close() }
    }
}
