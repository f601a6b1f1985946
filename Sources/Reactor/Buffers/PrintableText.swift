// Makes text from peers safe to print. A terminal obeys control characters, so every program output that contains a
// peer's bytes goes through here.

/// Sanitizes text from a peer for display on a terminal.
package enum PrintableText {
    /// Returns whether a scalar only occupies its place on a terminal: it is not a control character of ASCII or ISO
    /// 6429 (U+0080 to U+009F), does not change the writing direction and does not end a line (Unicode, 23.2).
    package static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7f { return scalar.value >= 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return false
        // The zero-width joiner and non-joiner, which some scripts and many emoji need.
        case .format: return scalar.value == 0x200c || scalar.value == 0x200d
        default: return true
        }
    }

    /// Decodes bytes as UTF-8 and replaces each unprintable scalar with a question mark.
    package static func sanitized(_ bytes: some Sequence<UInt8>) -> String {
        var printable = String.UnicodeScalarView()
        for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
            printable.append(isPrintable(scalar) ? scalar : "?")
        }
        return String(printable)
    }
}
