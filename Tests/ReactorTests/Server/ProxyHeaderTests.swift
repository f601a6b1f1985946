// The parser of PROXY headers, by itself: vectors, every cut, every lie.

import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(20))) struct ProxyHeaderTests {
    // MARK: Version 1

    @Test(arguments: [
        ("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", "192.0.2.1:56324", "198.51.100.2:443"),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535",
            "255.255.255.255:65535"
        ),
        ("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0", "0.0.0.0:0"),
        ("PROXY TCP6 2001:db8::1 2001:DB8::2 4124 443\r\n", "[2001:db8::1]:4124", "[2001:db8::2]:443"),
        ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "[::ffff:192.0.2.1]:1", "[::1]:2"),
        (
            "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"
        ),
    ])
    func aLineNamesBothEnds(_ line: String, _ source: String, _ destination: String) throws {
        let header = try everyCut(Array(line.utf8))
        #expect(header.version == 1)
        #expect(header.source?.description == source)
        #expect(header.destination?.description == destination)
    }

    @Test(arguments: [
        "PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f...f:ffff whatever 65535 65535\r\n", "PROXY UNKNOWN \r\n",
    ])
    func unknownIsTheProxyItself(_ line: String) throws {
        #expect(try everyCut(Array(line.utf8)).source == nil)
    }

    @Test(arguments: [
        "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n", "PROXY TCP4  192.0.2.1 198.51.100.2 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n", "PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 1\r\n", "PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n", "PROXY TCP4 192.0.2 198.51.100.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 999999999999999999999 2\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n", "PROXY TCP6 fe80::1%lo ::1 1 2\r\n", "PROXY TCP6 :::1 ::1 1 2\r\n",
        "PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n", "PROXY tcp4 192.0.2.1 198.51.100.2 1 2\r\n", "PROXY \r\n",
        "PROXY UNKNOWNS\r\n", "PROXY\r\n", "proxy UNKNOWN\r\n", "GET / HTTP/1.1\r\n", "\n", "PROXY TCP4 \0 \0 1 2\r\n",
        "PROXY TCP4\t192.0.2.1\t198.51.100.2\t1\t2\r\n",
    ])
    func aMalformedLineIsRefused(_ line: String) {
        #expect(throws: ProxyHeaderError.self) { try ProxyHeader.parse(Array(line.utf8)) }
    }

    @Test func aLineEndsWithin107Bytes() throws {
        let start = Array("PROXY UNKNOWN ".utf8)
        let longest = start + Array(repeating: 65, count: 107 - start.count - 2) + [13, 10]
        #expect(try ProxyHeader.parse(longest)?.length == 107)
        let longer = start + Array(repeating: 65, count: 107 - start.count)
        #expect(try ProxyHeader.parse(Array(longer.dropLast())) == nil)
        #expect(throws: ProxyHeaderError.tooLong) { try ProxyHeader.parse(longer) }
        #expect(throws: ProxyHeaderError.tooLong) { try ProxyHeader.parse(longer + [13, 10]) }
    }

    // MARK: Version 2

    private static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
    private static let ipv4: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb]

    /// A header of TCP over IPv4.
    private static func binary(_ body: [UInt8], length: Int? = nil) -> [UInt8] {
        binary(0x21, 0x11, body, length: length)
    }

    private static func binary(_ command: UInt8, _ family: UInt8, _ body: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? body.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 255)] + body
    }

    @Test func aBinaryHeaderNamesBothEnds() throws {
        let header = try everyCut(Self.binary(Self.ipv4))
        #expect(header.version == 2)
        #expect(header.source == .ipv4(192, 0, 2, 1, port: 56324))
        #expect(header.destination == .ipv4(198, 51, 100, 2, port: 443))
        let ipv6: [UInt8] =
            [0x20, 0x01, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [1] + [0x20, 0x01, 0x0d, 0xb8]
            + Array(repeating: 0, count: 11) + [2, 0, 80, 1, 0]
        let six = try everyCut(Self.binary(0x21, 0x21, ipv6))
        #expect(six.source?.description == "[2001:db8::1]:80")
        #expect(six.destination?.description == "[2001:db8::2]:256")
    }

    @Test func namesOfUnixSocketsAreReadToTheirEnd() throws {
        func field(_ name: [UInt8]) -> [UInt8] { name + Array(repeating: 0, count: 108 - name.count) }
        let path = Array("/run/proxy".utf8)
        let header = try everyCut(Self.binary(0x21, 0x31, field(path) + field([0] + Array("abstract".utf8))))
        #expect(header.source == (try .unix("/run/proxy")))
        #expect(header.destination == (try .unix("@abstract")))
        let unnamed = try everyCut(Self.binary(0x21, 0x31, field([]) + field(path)))
        #expect(unnamed.source?.isUnix == true && unnamed.source?.unixPath == nil)
        // All of sun_path, without a zero byte at its end (unix(7)).
        let longest = try everyCut(Self.binary(0x21, 0x31, Array(repeating: 65, count: 216)))
        #expect(longest.source == (try .unix(String(repeating: "A", count: 108))))
    }

    @Test func aProxyThatSpeaksForItselfIsThePeer() throws {
        #expect(try everyCut(Self.binary(0x20, 0, [])).source == nil)
        #expect(try everyCut(Self.binary(0x20, 0x11, Self.ipv4)).source == nil)
        #expect(
            try everyCut(Self.binary(0x20, 0xff, [1, 2, 3])).source == nil, "all behind the length is to be ignored")
        #expect(try everyCut(Self.binary(0x21, 0, [])).source == nil)
        #expect(try everyCut(Self.binary(0x21, 0, [4, 0, 1, 9])).source == nil)
    }

    /// A receiver that does not support datagrams falls back to UNSPEC: the header is skipped, its addresses are not used.
    @Test func addressesOfDatagramsAreSkipped() throws {
        let udp = try everyCut(Self.binary(0x21, 0x12, Self.ipv4))
        #expect(udp.source == nil && udp.destination == nil && udp.length == 28)
        let six = try everyCut(Self.binary(0x21, 0x22, Array(repeating: 1, count: 36) + [4, 0, 1, 9]))
        #expect(six.source == nil && six.length == 16 + 36 + 4)
        #expect(try everyCut(Self.binary(0x21, 0x32, Array(repeating: 65, count: 216))).source == nil)
        // The addresses have to be there, and what follows them is checked as for a stream.
        #expect(throws: ProxyHeaderError.length) { try ProxyHeader.parse(Self.binary(0x21, 0x12, [1, 2, 3])) }
        #expect(throws: ProxyHeaderError.length) { try ProxyHeader.parse(Self.binary(0x21, 0x12, Self.ipv4 + [4])) }
        #expect(throws: ProxyHeaderError.checksum) {
            try ProxyHeader.parse(Self.binary(0x21, 0x12, Self.ipv4 + [3, 0, 4, 0, 0, 0, 0]))
        }
    }

    @Test func extensionsAreSkippedAndTheChecksumVerified() throws {
        #expect(ProxyHeader.crc32c(Array("123456789".utf8)) == 0xe306_9283)
        let authority: [UInt8] = [2, 0, 3, 97, 46, 98]
        #expect(try everyCut(Self.binary(Self.ipv4 + authority)).length == 16 + 12 + 6)
        var checked = Self.binary(Self.ipv4 + authority + [3, 0, 4, 0, 0, 0, 0] + [4, 0, 0])
        let sum = ProxyHeader.crc32c(checked)
        let place = 16 + 12 + 6 + 3
        for index in 0..<4 { checked[place + index] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * index)) }
        #expect(try everyCut(checked).source != nil)
        for index in 14..<checked.count where index != 16 + 12 + 6 {  // a type that is none any more is not verified
            var spoilt = checked
            spoilt[index] ^= 1
            #expect(throws: ProxyHeaderError.self, "byte \(index)") {
                // A length that grew waits for more, which is then wrong.
                if try ProxyHeader.parse(spoilt + Array(repeating: 0, count: 512)) != nil { return }
            }
        }
        let twice = Self.binary(Self.ipv4 + [3, 0, 4, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0])
        #expect(throws: ProxyHeaderError.checksum) { try ProxyHeader.parse(twice) }
        #expect(throws: ProxyHeaderError.checksum) { try ProxyHeader.parse(Self.binary(Self.ipv4 + [3, 0, 1, 0])) }
    }

    @Test func lengthsThatLieAreRefused() throws {
        for length in [0, 1, 11] {
            #expect(throws: ProxyHeaderError.length) {
                try ProxyHeader.parse(Self.binary(Self.ipv4, length: length))
            }
        }
        // Refused by what the first 16 bytes say, before more is waited for.
        #expect(throws: ProxyHeaderError.tooLong) { try ProxyHeader.parse(Self.binary([], length: 65535)) }
        #expect(throws: ProxyHeaderError.tooLong) { try ProxyHeader.parse(Self.binary([], length: 4096 - 15)) }
        #expect(try ProxyHeader.parse(Self.binary([], length: 4096 - 16)) == nil)
        for extensions: [UInt8] in [[4], [4, 0], [4, 0, 1], [4, 255, 255, 0], [4, 0, 2, 0]] {
            #expect(throws: ProxyHeaderError.length) { try ProxyHeader.parse(Self.binary(Self.ipv4 + extensions)) }
        }
        #expect(throws: ProxyHeaderError.length) {
            try ProxyHeader.parse(Self.binary(0x21, 0x31, Array(repeating: 0, count: 215)))
        }
    }

    @Test func whatTheProtocolDoesNotDefineIsRefused() {
        for command: UInt8 in [0x01, 0x11, 0x31, 0xf1] {
            #expect(throws: ProxyHeaderError.version) { try ProxyHeader.parse(Self.binary(command, 0x11, Self.ipv4)) }
        }
        for command: UInt8 in 0x22...0x2f {
            #expect(throws: ProxyHeaderError.command) { try ProxyHeader.parse(Self.binary(command, 0x11, Self.ipv4)) }
        }
        for family: UInt8 in [0x01, 0x02, 0x10, 0x13, 0x20, 0x30, 0x41, 0xff] {
            #expect(throws: ProxyHeaderError.family) { try ProxyHeader.parse(Self.binary(0x21, family, Self.ipv4)) }
        }
        for index in 0..<12 {
            var spoilt = Self.binary(Self.ipv4)
            spoilt[index] ^= 0x80
            #expect(throws: ProxyHeaderError.noHeader) { try ProxyHeader.parse(spoilt) }
        }
    }

    /// Whatever is thrown at it, the parser answers, and never with more bytes than there are.
    @Test func noBytesMakeTheParserTrap() {
        var random = Pseudorandom(seed: 42)
        let seeds = [
            Self.binary(Self.ipv4 + [3, 0, 4, 1, 2, 3, 4]), Self.binary(0x21, 0x31, Array(repeating: 0, count: 216)),
            Array("PROXY TCP6 2001:db8::1 2001:db8::2 4124 443\r\n".utf8),
        ]
        for _ in 0..<20_000 {
            var bytes = seeds.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            if let header = try? ProxyHeader.parse(bytes) { #expect(header.length <= bytes.count) }
        }
    }

    /// Parses a header cut at every place: `nil` until it is whole, and the same whatever follows it.
    private func everyCut(_ bytes: [UInt8]) throws -> ProxyHeader {
        for count in 0..<bytes.count { #expect(try ProxyHeader.parse(Array(bytes.prefix(count))) == nil, "\(count)") }
        let header = try #require(try ProxyHeader.parse(bytes))
        #expect(header.length == bytes.count)
        #expect(try ProxyHeader.parse(bytes + Array("payload \r\n".utf8)) == header)
        return header
    }
}
