// Names of files as text. Linux takes any bytes but `/` and zero; what is not UTF-8 is shown escaped, so that no two names of
// a directory look alike and none disappears from a list.

/// Names of files as text.
package enum FileName {
    /// The name as text: bytes that are not UTF-8 and control characters as `\xHH`.
    package static func text(_ name: some Collection<UInt8>) -> String {
        var result = ""
        var rest = Array(name)[...]
        while let byte = rest.first {
            // The longest UTF-8 sequence has four bytes.
            let length = (1...4).first { count in
                count <= rest.count && String(validating: rest.prefix(count), as: UTF8.self) != nil
            }
            let character = length.flatMap { String(validating: rest.prefix($0), as: UTF8.self) }
            if let length, let character, character.unicodeScalars.allSatisfy(isShown) {
                result += character
                rest = rest.dropFirst(length)
            } else {
                result += escape(byte)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    private static func isShown(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory != .control }

    private static func escape(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
    }
}
