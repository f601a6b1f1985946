// Text from outside, made safe to show. A terminal obeys the control characters that it is sent, so whatever a program
// prints of a peer's bytes goes through here.

/// Text from a peer as a terminal may show it.
package enum PrintableText {
    /// Whether a scalar only occupies its place on a terminal: it is not a control character of ASCII or ISO 6429
    /// (U+0080 to U+009F), does not change the direction of writing and does not end a line (Unicode, 23.2).
    package static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7f { return scalar.value >= 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return false
        // The joiners, which some scripts and many emoji need.
        case .format: return scalar.value == 0x200c || scalar.value == 0x200d
        default: return true
        }
    }

    /// Decodes bytes as UTF-8 and replaces every scalar that is not printable with a question mark.
    package static func sanitized(_ bytes: some Sequence<UInt8>) -> String {
        var printable = String.UnicodeScalarView()
        for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
            printable.append(isPrintable(scalar) ? scalar : "?")
        }
        return String(printable)
    }
}
