// Redaction of credentials that a user may have put into an argument, before the argument is printed.

enum Secrets {
    /// Returns a text with the user and password of a URL, or before a host, replaced by `***`: `redis://***@host`,
    /// `***@host`.
    ///
    /// Everything from `://` to the last `@` is replaced, because a password may contain any character: removing too
    /// much is better than printing part of a password.
    static func redacted(_ text: String) -> String { withoutHostCredentials(withoutURLCredentials(text)) }

    /// Replaces what stands before the last `@` of a word, which may be a part of `user:password@host` that a parser quotes.
    /// Paths and names of Unix sockets stay.
    private static func withoutHostCredentials(_ text: String) -> String {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map { word -> String in
            let quotes = word.prefix { "'\"".contains($0) }
            let body = word.dropFirst(quotes.count)
            guard let end = body.lastIndex(of: "@"), end > body.startIndex, !body.contains("://") else {
                return String(word)
            }
            let isPath = body.hasPrefix("unix:") || body[..<end].contains("/") && !body[..<end].contains(":")
            return isPath ? String(word) : quotes + "***" + body[end...]
        }
        return words.joined(separator: " ")
    }

    private static func withoutURLCredentials(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let mark = Array("://".utf8)
        guard
            let start = bytes.indices.dropLast(2).first(where: {
                bytes[$0] == mark[0] && bytes[$0...].starts(with: mark)
            }),
            let end = bytes.lastIndex(of: UInt8(ascii: "@")), end > start
        else { return text }
        return String(decoding: bytes[..<(start + mark.count)] + Array("***".utf8) + bytes[end...], as: UTF8.self)
    }
}
