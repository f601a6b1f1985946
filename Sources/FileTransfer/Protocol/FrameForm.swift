// How long a header is, before it: in four bytes, or in two, as different teaching texts have it. A frame says which by
// itself, because JSON holds no zero byte; the answer comes in the form of the question.
//
//     00 00 hh ll { ...    four bytes, most significant first (the form that clients of ours use)
//     ll hh 00 00 { ...    four bytes, least significant first (struct.pack('i', n) on most machines)
//     hh ll {     ...      two bytes, most significant first (struct.pack('>H', n))

/// How a frame says the length of its header.
public enum FrameForm: Sendable, Hashable {
    case four, fourLittleEndian, two

    /// The longest header.
    public static let longestHeader = 64 * 1024
    /// Bytes that are needed to tell the form and the length.
    static let prefixLength = 4

    /// Tells the form from the first four bytes of a frame.
    ///
    /// - Returns: The form, and the claimed length of the header, which is not to be believed yet.
    static func read(_ bytes: InlineArray<4, UInt8>) -> (FrameForm, length: Int) {
        let (a, b, c, d) = (Int(bytes[0]), Int(bytes[1]), Int(bytes[2]), Int(bytes[3]))
        // A header of 64 KiB is the only one whose length has a bit beyond the last two bytes.
        if a == 0 && b <= 1 { return (.four, b << 16 | c << 8 | d) }
        if c <= 1 && d == 0 { return (.fourLittleEndian, c << 16 | b << 8 | a) }
        if [UInt8(ascii: "{"), 0x20, 0x09, 0x0a, 0x0d].contains(bytes[2]) { return (.two, a << 8 | b) }
        return (.four, a << 24 | b << 16 | c << 8 | d)
    }

    /// How many of the first four bytes are the length.
    var width: Int { self == .two ? 2 : 4 }

    /// A header behind its length. One too long for two bytes, which none of ours is, goes out in four.
    public func frame(_ header: TransferHeader) -> [UInt8] {
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
