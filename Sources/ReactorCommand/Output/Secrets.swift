// Secrets that a user may have written where they do not belong, kept out of what is printed.

enum Secrets {
    /// A text without the user and the password of URLs: `redis://***@host`.
    ///
    /// All from `://` to the last `@` goes, because a password may hold any character. Better too much than a part of it.
    static func redacted(_ text: String) -> String {
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
