// An address as on the wire: four or sixteen bytes in network byte order, and its text form (inet_pton(3)).

import CReactor

/// The bytes of an IPv4 or IPv6 address.
package struct AddressBytes: Sendable, Hashable {
    /// Four or sixteen bytes, most significant first.
    package let bytes: [UInt8]

    /// Parses an address; `nil` if the text is not a numeric address, including forms that only the older inet_aton(3)
    /// accepts, such as 127.1 or 0177.0.0.1.
    package init?(text: String) {
        if text.utf8.contains(0) { return nil }  // the C library would ignore the rest
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            // Safe: the C library writes as many bytes as the family's addresses have.
            if unsafe inet_pton(family, text, &bytes) == 1 {
                self.bytes = bytes
                return
            }
        }
        return nil
    }

    /// Parses hexadecimal digits: `7f000001`, `7f 00 00 01` or `0x7f000001`; `nil` if they are malformed or do not have
    /// the length of an address.
    package init?(hex: String) {
        var digits: [UInt8] = []
        for byte in (hex.hasPrefix("0x") ? hex.dropFirst(2) : hex[...]).utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digits.append(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digits.append(byte - UInt8(ascii: "A") + 10)
            case UInt8(ascii: " "), UInt8(ascii: ":"), UInt8(ascii: "-"): continue
            default: return nil
            }
        }
        guard digits.count == 8 || digits.count == 32 else { return nil }
        bytes = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// Whether this is an IPv6 address.
    package var isIPv6: Bool { bytes.count == 16 }

    /// The address as text (inet_ntop(3), RFC 5952).
    package var text: String {
        // Safe: the call receives the capacity, which exceeds INET6_ADDRSTRLEN; the text ends with a zero byte.
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            let family = isIPv6 ? AF_INET6 : AF_INET
            guard unsafe inet_ntop(family, bytes, text.baseAddress, 64) != nil else { return "?" }
            return unsafe String(cString: text.baseAddress!)
        }
    }

    /// The bytes in hexadecimal, separated by spaces: `7f 00 00 01`.
    package var hex: String { Self.hex(bytes) }

    /// An IPv4 address as a number: correct, and as a little-endian machine reads it without ntohl(3); `nil` for IPv6.
    package var numbers: (network: UInt32, littleEndian: UInt32)? {
        if isIPv6 { return nil }
        let number = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return (number, number.byteSwapped)
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
