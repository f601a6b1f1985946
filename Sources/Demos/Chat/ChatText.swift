// Which text reaches another's terminal: the one place that decides. A terminal obeys what it is sent, so whatever is
// more than a visible character is refused at the door, from members and from other servers alike.

import Reactor

/// Something that a member asked for and will not get, in words for that member.
struct ChatRefusal: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Text as members write it.
public enum ChatText {
    /// Bytes as text: well-formed UTF-8 in which every character is a visible one.
    static func decode(_ bytes: [UInt8]) throws(ChatRefusal) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ChatRefusal("that is not UTF-8; nobody has seen it")
        }
        guard text.unicodeScalars.allSatisfy(isVisible) else {
            throw ChatRefusal("control characters are refused; nobody has seen it")
        }
        return text
    }

    /// Whether a scalar may be shown to other members.
    static func isVisible(_ scalar: Unicode.Scalar) -> Bool { PrintableText.isPrintable(scalar) }

    /// The same text with a question mark for whatever is not visible; for a client that trusts no server.
    public static func visible(_ bytes: some Sequence<UInt8>) -> String { PrintableText.sanitized(bytes) }
}
