// Validates the extensions of a chunk (RFC 9112, 7.1.1), from the chunk size up to the CR, byte by byte. They are
// ignored, but invalid syntax is rejected, because two parsers might otherwise disagree about where the line ends.
//
//     chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
//     chunk-ext-val = token / quoted-string
//
//     beforeSemicolon --;--> beforeName --> name --=--> beforeValue --> token
//            ^                               |               +--"--> quoted --"--> afterValue
//            +--------------- blank, ; ------+--------------------------+-------------+

/// The state of parsing the extensions of one chunk.
struct ChunkExtension {
    private enum Stage {
        case beforeSemicolon, beforeName, name, afterName, beforeValue, token, quoted, escaped, afterValue
    }

    private var stage = Stage.beforeSemicolon

    /// Whether the line may end here. Whitespace between a size or a value and the CR is not part of an extension.
    var mayEnd: Bool { stage == .name || stage == .token || stage == .afterValue && !isAfterBlank }

    /// Whether the last byte was whitespace after a value.
    private var isAfterBlank = false

    /// Consumes a byte other than the final CR.
    ///
    /// - Returns: Whether the grammar allows the byte here.
    mutating func take(_ byte: UInt8) -> Bool {
        let isBlank = HTTPByte.isBlank(byte)
        switch stage {
        case .quoted:
            if byte == UInt8(ascii: "\\") { stage = .escaped }
            if byte == UInt8(ascii: "\"") { (stage, isAfterBlank) = (.afterValue, false) }
            return HTTPByte.isValue(byte)
        case .escaped:
            stage = .quoted
            return HTTPByte.isValue(byte)
        case .beforeName where HTTPByte.isToken(byte): stage = .name
        case .beforeValue where HTTPByte.isToken(byte): stage = .token
        case .beforeValue where byte == UInt8(ascii: "\""): stage = .quoted
        case .beforeSemicolon, .beforeName, .beforeValue, .afterName:
            if isBlank { return true }
            if stage == .afterName && byte == UInt8(ascii: "=") {
                stage = .beforeValue
                return true
            }
            guard stage == .beforeSemicolon || stage == .afterName else { return false }
            return takeSemicolon(byte)
        case .name where HTTPByte.isToken(byte), .token where HTTPByte.isToken(byte): return true
        case .name where byte == UInt8(ascii: "="): stage = .beforeValue
        case .name where isBlank: stage = .afterName
        case .token where isBlank, .afterValue where isBlank: (stage, isAfterBlank) = (.afterValue, true)
        case .name, .token, .afterValue: return takeSemicolon(byte)
        }
        return true
    }

    private mutating func takeSemicolon(_ byte: UInt8) -> Bool {
        stage = .beforeName
        return byte == UInt8(ascii: ";")
    }
}
