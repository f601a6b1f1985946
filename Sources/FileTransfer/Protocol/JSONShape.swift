// A look at JSON before a parser sees it: byte by byte, without memory. Whoever nests a thousand arrays finds out here
// that thirty-two are enough, and not in the recursion of somebody else's parser.

/// What a header has to look like from afar.
enum JSONShape {
    /// How many objects and arrays may be inside each other.
    static let deepest = 32

    /// Checks that the bytes are one object, not too deep, with all brackets closed; what is between them is the
    /// parser's.
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
            case _ where isOver: throw TransferError(.malformed, "something follows the header's object")
            case UInt8(ascii: "{"): depth += 1
            case _ where depth == 0: throw TransferError(.malformed, "a header is a JSON object")
            case UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                isOver = depth == 0
            case UInt8(ascii: "\""): isInString = true
            default: continue
            }
            if depth > deepest { throw TransferError(.malformed, "JSON nested deeper than \(deepest)") }
        }
        if !isOver { throw TransferError(.malformed, "the header's object has no end") }
    }
}
