// The names of members and of rooms: what may be one, and when two are the same.

/// A name: 1 to 24 visible characters without a space, so that it can stand in a line and be told from what surrounds it.
///
/// Two names are the same when they differ in nothing but case, or in how an accent is composed. Letters of different
/// scripts that look alike are different.
struct ChatName: Hashable, Sendable, CustomStringConvertible {
    static let maximumCharacters = 24
    /// Accents can be piled up on one character.
    static let maximumBytes = 96

    /// As its owner writes it.
    let description: String
    private let key: String

    /// - Throws: ``ChatRefusal`` that says what a name is.
    init(_ text: some StringProtocol) throws(ChatRefusal) {
        guard let first = text.unicodeScalars.first else { throw ChatRefusal("a name has at least one character") }
        guard text.utf8.count <= Self.maximumBytes, text.count <= Self.maximumCharacters else {
            throw ChatRefusal("a name has at most \(Self.maximumCharacters) characters")
        }
        guard text.unicodeScalars.allSatisfy(Self.mayContain), !Self.isMark(first) else {
            throw ChatRefusal("a name is made of letters, digits, '-', '_', '.' and pictures")
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
