// The length of a header precedes it, in four bytes or in two; both are common in textbooks. A frame shows which form
// it has, because JSON contains no zero byte; the reply uses the form of the request.
//
//     00 00 hh ll { ...    four bytes, most significant first (the form of our clients)
//     ll hh 00 00 { ...    four bytes, least significant first (struct.pack('i', n) on most machines)
//     hh ll {     ...      two bytes, most significant first (struct.pack('>H', n))

/// The encoding of a header's length.
package enum FrameForm: Sendable, Hashable {
    case four, fourLittleEndian, two

    /// The maximum length of a header, in bytes.
    package static let longestHeader = 64 * 1024
    /// The number of bytes that determine the form and the length.
    static let prefixLength = 4

    /// Determines the form from the first four bytes of a frame.
    ///
    /// - Returns: The form, and the claimed length of the header, not yet checked against a limit.
    static func read(_ bytes: InlineArray<4, UInt8>) -> (FrameForm, length: Int) {
        let (a, b, c, d) = (Int(bytes[0]), Int(bytes[1]), Int(bytes[2]), Int(bytes[3]))
        // Only the maximum length, 64 KiB, takes more than 16 bits.
        if a == 0 && b <= 1 { return (.four, b << 16 | c << 8 | d) }
        if c <= 1 && d == 0 { return (.fourLittleEndian, c << 16 | b << 8 | a) }
        if [UInt8(ascii: "{"), 0x20, 0x09, 0x0a, 0x0d].contains(bytes[2]) { return (.two, a << 8 | b) }
        return (.four, a << 24 | b << 16 | c << 8 | d)
    }

    /// The number of bytes that the length takes.
    var width: Int { self == .two ? 2 : 4 }

    /// Returns a header preceded by its length. One too long for two bytes takes four; none of ours is that long.
    package func frame(_ header: TransferHeader) -> [UInt8] {
        let json = header.encoded()
        let count = UInt32(truncatingIfNeeded: json.count)
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * UInt32($0))) }
        switch self {
        case .two where count <= 0xffff: return bytes.suffix(2) + json
        case .two, .four: return bytes + json
        case .fourLittleEndian: return bytes.reversed() + json
        }
    }
}
