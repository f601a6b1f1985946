// The simplest message server: it sends back every line that it receives.

package import Reactor

/// A server that echoes every line.
package final class LineEcho: MessageHandler {
    private let lines = LineFraming()

    /// Creates an echo server of lines.
    package init() {}

    /// Echoes a line. A line whose content ends with a carriage return cannot be distinguished from one with the line
    /// ending CR LF; it closes the connection.
    package func received(message: RawSpan, on connection: Connection) throws {
        try lines.write(message, to: connection)
    }

    /// Closes the connection, unless it is so new that its first input is still expected.
    package func draining(_ connection: Connection) {
        if connection.bytesReceived > 0 { connection.close() }
    }
}
