// Draws the bytes of an experiment: sixteen per row, in hexadecimal and as text, with the framing's bytes in brackets.

/// Renders what was sent and what arrived.
package enum FramingDrawing {
    private static let bytesPerRow = 16

    /// Returns the rows of the messages as given.
    package static func messages(_ messages: [[UInt8]]) -> [String] {
        messages.enumerated().flatMap { rows($0.element, title: "message \($0.offset + 1)") }
    }

    /// Returns the rows of the framed stream, per message, with the bytes that the framing adds in brackets.
    package static func wire(_ plan: FramingPlan) -> [String] {
        plan.messages.enumerated().flatMap { number, message -> [String] in
            guard let (before, behind) = plan.framing.marks(around: message) else { return [] }
            let marked = Set(0..<before.count).union(
                (before.count + message.count)..<(before.count + message.count + behind.count))
            return rows(before + message + behind, marked: marked, title: "message \(number + 1)")
        }
    }

    /// Returns the rows of the bytes of each receive.
    package static func receives(_ result: FramingResult) -> [String] {
        result.receives.enumerated().flatMap { rows($0.element, title: "receive \($0.offset + 1)") }
    }

    /// Returns the outcome in one line: what the receiver found.
    package static func verdict(_ result: FramingResult) -> String {
        let sent = count(result.plan.messages.count, "message")
        let receives = count(result.receives.count, "receive")
        let found = count(result.messages.count, "message")
        return "\(sent) sent, \(receives), \(found) found: \(result.isAsSent ? "as sent" : "not what was sent")"
    }

    /// Returns a number with a noun in singular or plural.
    static func count(_ number: Int, _ thing: String) -> String { "\(number) \(thing)\(number == 1 ? "" : "s")" }

    /// Returns bytes as rows; the first row has the title.
    static func rows(_ bytes: [UInt8], marked: Set<Int> = [], title: String) -> [String] {
        if bytes.isEmpty { return ["  \(pad(title, 12)) (no bytes)"] }
        return stride(from: 0, to: bytes.count, by: bytesPerRow).map { start in
            let row = start..<min(start + bytesPerRow, bytes.count)
            var hex = ""
            for index in row {
                let follows = index > start && marked.contains(index - 1)
                switch (marked.contains(index), follows) {
                case (true, false): hex += "["
                case (false, true): hex += "]"
                default: hex += " "
                }
                hex += digits(bytes[index])
            }
            if marked.contains(row.upperBound - 1) { hex += "]" }
            return "  \(pad(start == 0 ? title : "", 12))\(pad(hex, 3 * bytesPerRow + 2))\(text(bytes[row]))"
        }
    }

    /// Returns bytes in hexadecimal, without spaces.
    package static func hex(_ bytes: [UInt8]) -> String { bytes.map(digits).joined() }

    private static func digits(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }

    /// Returns bytes as ASCII, with a dot for each byte that is not printable.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }
}
