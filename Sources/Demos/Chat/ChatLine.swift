// The lines that members are sent. The first character says what a line is, and no name may contain it, so that nobody
// can write a line that looks like another kind.

/// Lines of the protocol, as bytes: made once, written to everybody.
enum ChatLine {
    /// Something said in the room: `<anna> hello`.
    static func said(by name: String, _ text: String) -> [UInt8] { bytes("<\(name)> \(text)") }
    /// Something said to one member: `[anna] hello`.
    static func whispered(by name: String, _ text: String) -> [UInt8] { bytes("[\(name)] \(text)") }
    /// What happened: `* bob joined lobby`.
    static func notice(_ text: String) -> [UInt8] { bytes("* \(text)") }
    /// What will not happen: `! there is no such room`.
    static func refusal(_ text: String) -> [UInt8] { bytes("! \(text)") }

    private static func bytes(_ text: String) -> [UInt8] {
        var bytes = [UInt8]()
        bytes.reserveCapacity(text.utf8.count + 1)
        bytes += text.utf8
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// Names in one line, the first of them only when they are many.
    static func list(_ names: some Collection<String>) -> String {
        let shown = names.prefix(100).joined(separator: ", ")
        return names.count > 100 ? "\(shown) and \(names.count - 100) more" : shown
    }
}
