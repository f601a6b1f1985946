// Decides which text may reach another member's terminal, in one place. Terminals interpret control sequences, so
// anything but visible characters is refused, from members and from other servers alike.

internal import Reactor

/// A refused request of a member, with the reason in words.
struct ChatRefusal: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Validation of text.
package enum ChatText {
    /// Decodes bytes as text: well-formed UTF-8 without control characters.
    ///
    /// - Throws: ``ChatRefusal``.
    static func decode(_ bytes: [UInt8]) throws(ChatRefusal) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ChatRefusal("malformed UTF-8 is refused; the line was not sent")
        }
        guard text.unicodeScalars.allSatisfy(isVisible) else {
            throw ChatRefusal("control characters are refused; the line was not sent")
        }
        return text
    }

    /// Returns whether a scalar may be shown to other members.
    static func isVisible(_ scalar: Unicode.Scalar) -> Bool { PrintableText.isPrintable(scalar) }

    /// Returns the text with a question mark for each invisible character; for a client that does not trust its server.
    package static func visible(_ bytes: some Sequence<UInt8>) -> String { PrintableText.sanitized(bytes) }
}
