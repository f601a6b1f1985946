// The simplest server of messages: a line comes in and goes out again.

public import Reactor

/// Answers every line with the same line.
public final class LineEcho: MessageHandler {
    private let lines = LineFraming()

    /// An echo of lines.
    public init() {}

    /// Sends the line back. One that ends with a carriage return and comes with another cannot be told apart from its
    /// end, and closes the connection.
    public func received(message: RawSpan, on connection: Connection) throws {
        try lines.write(message, to: connection)
    }

    /// Closes, but first answers whoever has just come and not said anything yet.
    public func draining(_ connection: Connection) {
        if connection.bytesReceived > 0 { connection.close() }
    }
}
