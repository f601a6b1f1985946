// File names as text. Linux allows any bytes but `/` and NUL; those that are not valid UTF-8 are escaped, so that names
// remain distinguishable and none is missing from a listing.

/// File names as text.
package enum FileName {
    /// Returns a name as text; invalid UTF-8 and control characters are escaped as `\xHH`.
    package static func text(_ name: some Collection<UInt8>) -> String {
        var result = ""
        var rest = Array(name)[...]
        while let byte = rest.first {
            // A UTF-8 sequence has at most four bytes.
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
