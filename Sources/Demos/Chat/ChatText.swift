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

    /// Whether a scalar does nothing to a terminal but to stand there: no control character, of ASCII or of ISO 6429
    /// (U+0080 to U+009F), and none that turns the direction of writing round or ends a line (Unicode, 23.2).
    static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7f { return scalar.value >= 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return false
        // The joiners, without which some scripts and many emoji fall apart.
        case .format: return scalar.value == 0x200c || scalar.value == 0x200d
        default: return true
        }
    }

    /// The same text with a question mark for whatever is not visible; for a client that trusts no server.
    public static func visible(_ bytes: some Sequence<UInt8>) -> String {
        var visible = String.UnicodeScalarView()
        for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
            visible.append(isVisible(scalar) ? scalar : "?")
        }
        return String(visible)
    }
}

extension RawSpan {
    /// A copy of a part of the bytes.
    func array(_ range: Range<Int>) -> [UInt8] {
        var bytes = [UInt8]()
        bytes.reserveCapacity(range.count)
        for offset in range { bytes.append(byte(at: offset)) }
        return bytes
    }

    /// A copy of the bytes.
    func array() -> [UInt8] { array(0..<byteCount) }
}
