// Why a request is not answered as it was asked for: the status, and words for whoever has to find the mistake. The parser
// throws it, so it is nothing but two constants.

/// A request that is refused.
public struct HTTPRefusal: Error, Sendable, CustomStringConvertible {
    /// The status code of the answer.
    public let status: Int
    /// What is wrong, in a few words.
    private let words: StaticString

    /// A refusal with this status.
    init(_ status: Int, _ words: StaticString) {
        self.status = status
        self.words = words
    }

    /// What is wrong, in a few words.
    public var description: String { "\(words)" }

    /// A request that is none, or one that two readers might understand in two ways (RFC 9112, 11.2): 400.
    static func malformed(_ words: StaticString) -> HTTPRefusal { HTTPRefusal(400, words) }
}
