// The error of a refused request: a status code and a reason for the person who debugs the client. It holds only
// constants, so that throwing it from the parser allocates nothing.

/// The reason for which a request is refused.
public struct HTTPRefusal: Error, Sendable, CustomStringConvertible {
    /// The status code of the response, such as 400.
    public let status: Int
    /// The reason in a few words.
    private let words: StaticString

    /// Creates a refusal from a status code and a reason.
    init(_ status: Int, _ words: StaticString) {
        self.status = status
        self.words = words
    }

    /// The reason in a few words, as the response shows it.
    public var description: String { "\(words)" }

    /// Returns the refusal of a malformed or ambiguous request (RFC 9112, 11.2): 400.
    static func malformed(_ words: StaticString) -> HTTPRefusal { HTTPRefusal(400, words) }
}
