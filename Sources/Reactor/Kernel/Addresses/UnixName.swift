// Conversion between names of Unix sockets and text (unix(7)). A peer chooses its name, which may hold any bytes: the
// text contains no control characters, and parses back to the same name.
//
//     /run/s     a path                  @name      an abstract name: the @ stands for its zero byte
//     \name\xff  either of them, escaped: \xHH is one byte

/// Conversions between the bytes of a Unix socket's name and text.
enum UnixName {
    private static let at = UInt8(ascii: "@")
    private static let backslash = UInt8(ascii: "\\")

    /// Returns the text of a name; empty for an unnamed socket.
    static func text(of name: [UInt8]) -> String {
        var shown = name
        if shown.first == 0 { shown[0] = at }
        if canBeMistaken(name) { return escaped(shown, isPath: name.first != 0) }
        guard let text = String(validating: shown, as: UTF8.self), !text.unicodeScalars.contains(where: isUnprintable)
        else { return escaped(shown, isPath: name.first != 0) }
        return text
    }

    /// Whether the unescaped text would be parsed as another name, or would be invalid.
    private static func canBeMistaken(_ name: [UInt8]) -> Bool {
        name == [0] || name.first == at || name.first == backslash
    }

    private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    private static func escaped(_ bytes: [UInt8], isPath: Bool) -> String {
        var text = "\\"
        for (index, byte) in bytes.enumerated() {
            let isPlain = byte >= 0x20 && byte < 0x7f && byte != backslash && !(isPath && index == 0 && byte == at)
            text += isPlain ? String(UnicodeScalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return text
    }

    /// Parses a name from its text.
    static func parse(_ text: String) throws(SocketError) -> [UInt8] {
        func refuse(_ reason: String) -> SocketError { SocketError(.parse, subject: "unix:\(text)", reason: reason) }
        var name = Array(text.utf8)
        let isEscaped = name.first == backslash
        if isEscaped { name.removeFirst() }
        guard !name.isEmpty, isEscaped || name != [at] else {
            throw refuse("the path is missing; use unix:/PATH or unix:@NAME")
        }
        let isAbstract = name[0] == at
        if isEscaped {
            guard let bytes = unescaped(name[...]) else {
                throw refuse("an escape in the name is malformed; use \\xHH with two hexadecimal digits")
            }
            name = bytes
        }
        if isAbstract {
            name[0] = 0
        } else if name.contains(0) {
            throw refuse("a path cannot contain a zero byte")
        }
        guard name.count <= SocketAddress.longestUnixName else {
            throw refuse("the name has \(name.count) bytes; use at most \(SocketAddress.longestUnixName)")
        }
        return name
    }

    private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var (rest, bytes) = (text, [UInt8]())
        while let byte = rest.popFirst() {
            guard byte == backslash else {
                bytes.append(byte)
                continue
            }
            guard rest.popFirst() == UInt8(ascii: "x"), let high = rest.popFirst().flatMap(digit),
                let low = rest.popFirst().flatMap(digit)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
