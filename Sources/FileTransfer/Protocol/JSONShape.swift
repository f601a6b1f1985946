// Checks JSON before it is parsed: byte by byte, without allocating. Excessive nesting is rejected here rather than in
// the recursion of a third-party parser.

/// The structure that a header must have before it is parsed.
enum JSONShape {
    /// The maximum nesting depth of objects and arrays.
    static let deepest = 32

    /// Checks that the bytes are one object, nested no deeper than allowed, with all brackets closed; the rest is left
    /// to the parser.
    ///
    /// - Throws: ``TransferError`` with the code ``TransferError/Code/malformed``.
    static func check(_ bytes: [UInt8]) throws(TransferError) {
        var depth = 0
        var isInString = false
        var isEscaped = false
        var isOver = false
        for byte in bytes {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): continue
            case _ where isOver: throw TransferError(.malformed, "unexpected bytes after the header's JSON object")
            case UInt8(ascii: "{"): depth += 1
            case _ where depth == 0: throw TransferError(.malformed, "a header must be a JSON object")
            case UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                isOver = depth == 0
            case UInt8(ascii: "\""): isInString = true
            default: continue
            }
            if depth > deepest { throw TransferError(.malformed, "JSON nested deeper than \(deepest)") }
        }
        if !isOver { throw TransferError(.malformed, "the header's JSON object is unterminated") }
    }
}
