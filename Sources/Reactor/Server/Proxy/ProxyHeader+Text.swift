// Version 1 of the PROXY header: a line of words separated by exactly one space.

extension ProxyHeader {
    private static let space = UInt8(ascii: " ")

    static func parseText(_ bytes: [UInt8]) throws(ProxyHeaderError) -> ProxyHeader? {
        let line = bytes.prefix(longestText)
        guard let end = line.firstIndex(of: 10) else {
            if line.count == longestText { throw .tooLong }
            return nil
        }
        guard end > 0, line[end - 1] == 13 else { throw .address }
        let words = line[textStart.count..<end - 1].split(separator: space, omittingEmptySubsequences: false)
        // Everything after UNKNOWN is to be ignored.
        if let first = words.first, first.elementsEqual("UNKNOWN".utf8) {
            return ProxyHeader(version: 1, source: nil, destination: nil, length: end + 1)
        }
        let isIPv6: Bool
        switch words.first {
        case let word? where word.elementsEqual("TCP4".utf8): isIPv6 = false
        case let word? where word.elementsEqual("TCP6".utf8): isIPv6 = true
        default: throw .family
        }
        guard words.count == 5,
            let source = address(words[1], port: words[3], isIPv6: isIPv6),
            let destination = address(words[2], port: words[4], isIPv6: isIPv6)
        else { throw .address }
        return ProxyHeader(version: 1, source: source, destination: destination, length: end + 1)
    }

    private static func address(_ host: ArraySlice<UInt8>, port: ArraySlice<UInt8>, isIPv6: Bool) -> SocketAddress? {
        // Only characters of an address are passed on; this excludes an interface name after a percent sign.
        let isMadeOfAddress = host.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."): true
            case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: ":"):
                isIPv6
            default: false
            }
        }
        guard isMadeOfAddress, let port = number(port),
            let address = SocketAddress(host: String(decoding: host, as: UTF8.self), port: port),
            address.isIPv6 == isIPv6
        else { return nil }
        return address
    }

    /// Parses a decimal port without leading zeros.
    private static func number(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard let first = digits.first, digits.count <= 5, first != UInt8(ascii: "0") || digits.count == 1 else {
            return nil
        }
        var value = 0
        for digit in digits {
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return UInt16(exactly: value)
    }
}
