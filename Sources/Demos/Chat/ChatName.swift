// The names of members and rooms: which are valid, and which are equal.

/// A name: 1 to 24 visible characters without a space, so that its end in a line is unambiguous.
///
/// Names that differ only in case, or in the composition of an accent, are equal. Similar letters of different scripts
/// are distinct.
struct ChatName: Hashable, Sendable, CustomStringConvertible {
    static let maximumCharacters = 24
    /// The maximum length in bytes: a single character can carry any number of accents.
    static let maximumBytes = 96

    /// The name as its owner spelled it.
    let description: String
    private let key: String

    /// Creates a name.
    ///
    /// - Throws: ``ChatRefusal`` if the text is not a valid name, with the rule that it breaks.
    init(_ text: some StringProtocol) throws(ChatRefusal) {
        guard let first = text.unicodeScalars.first else { throw ChatRefusal("a name has at least one character") }
        guard text.utf8.count <= Self.maximumBytes, text.count <= Self.maximumCharacters else {
            throw ChatRefusal("a name has at most \(Self.maximumCharacters) characters")
        }
        guard text.unicodeScalars.allSatisfy(Self.mayContain), !Self.isMark(first) else {
            throw ChatRefusal("a name consists of letters, digits, '-', '_', '.' and symbols")
        }
        description = String(text)
        key = description.lowercased()
    }

    static func == (left: ChatName, right: ChatName) -> Bool { left.key == right.key }

    func hash(into hasher: inout Hasher) { hasher.combine(key) }

    private static func mayContain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".": return true
        case "\u{2800}": return false  // a symbol, but a blank one
        default: break
        }
        if scalar.isASCII || scalar.properties.isDefaultIgnorableCodePoint { return false }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber, .nonspacingMark, .spacingMark, .otherSymbol, .modifierSymbol:
            return true
        default: return false
        }
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: true
        default: false
        }
    }
}
