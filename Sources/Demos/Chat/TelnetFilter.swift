// Removes telnet(1) commands, which begin with the byte 255, "interpret as command" (RFC 854). The chat supports no
// options, so each offer and each request is declined, because telnet may be waiting for a reply.

/// A filter of telnet commands.
enum TelnetFilter {
    private static let (subEnd, subBegin): (UInt8, UInt8) = (240, 250)
    private static let (will, wont, demand, dont): (UInt8, UInt8, UInt8, UInt8) = (251, 252, 253, 254)
    /// The byte that begins a command; it never occurs in UTF-8.
    static let interpret: UInt8 = 255

    /// Returns the line without commands, and the reply to them, which is no longer than the line.
    static func strip(_ line: [UInt8]) -> (text: [UInt8], reply: [UInt8]) {
        var (text, reply): ([UInt8], [UInt8]) = ([], [])
        var index = 0
        func byte(_ offset: Int) -> UInt8? { index + offset < line.count ? line[index + offset] : nil }
        while let current = byte(0) {
            guard current == interpret else {
                text.append(current)
                index += 1
                continue
            }
            switch byte(1) {
            case interpret:
                text.append(interpret)  // an escaped 255: data, and invalid as UTF-8
                index += 2
            case will, wont, demand, dont:
                // Decline only what would change an option: replying to replies would never end.
                if let option = byte(2) {
                    if byte(1) == demand { reply += [interpret, wont, option] }
                    if byte(1) == will { reply += [interpret, dont, option] }
                }
                index += 3
            case subBegin:
                index += 2
                while index < line.count, !(byte(0) == interpret && byte(1) == subEnd) { index += 1 }
                index += 2
            default:
                index += 2
            }
        }
        return (text, reply)
    }
}
