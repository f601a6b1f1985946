// The error of a rejected request: a status code and a reason for the person who debugs the client. It holds only
// constants, so that throwing it from the parser allocates nothing.

/// The reason for which a request is rejected.
struct HTTPRequestError: Error, Sendable, CustomStringConvertible {
    /// The status code of the response, such as 400.
    let status: Int
    /// The reason in a few words.
    private let words: StaticString

    /// Creates an error from a status code and a reason.
    init(_ status: Int, _ words: StaticString) {
        self.status = status
        self.words = words
    }

    /// The reason in a few words, as the response shows it.
    var description: String { "\(words)" }

    /// Returns the error of a malformed or ambiguous request (RFC 9112, 11.2): 400.
    static func malformed(_ words: StaticString) -> HTTPRequestError { HTTPRequestError(400, words) }
}
