// The lines that the server sends. The first character determines the kind of a line, and no name may contain it, so
// that no member can forge a line of another kind.

/// The lines of the protocol as bytes: encoded once, written to every recipient.
enum ChatLine {
    /// Returns a line said in the room: `<anna> hello`.
    static func said(by name: String, _ text: String) -> [UInt8] { bytes("<\(name)> \(text)") }
    /// Returns a private line: `[anna] hello`.
    static func whispered(by name: String, _ text: String) -> [UInt8] { bytes("[\(name)] \(text)") }
    /// Returns a notice: `* bob joined lobby`.
    static func notice(_ text: String) -> [UInt8] { bytes("* \(text)") }
    /// Returns a refusal: `! lobby is full`.
    static func refusal(_ text: String) -> [UInt8] { bytes("! \(text)") }

    private static func bytes(_ text: String) -> [UInt8] {
        var bytes = [UInt8]()
        bytes.reserveCapacity(text.utf8.count + 1)
        bytes += text.utf8
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// Returns up to 100 names as text, and the number of further ones.
    static func list(_ names: some Collection<String>) -> String {
        let shown = names.prefix(100).joined(separator: ", ")
        return names.count > 100 ? "\(shown) and \(names.count - 100) more" : shown
    }
}
