// The writer of PROXY headers against the parser beside it.

import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(20))) struct ProxyHeaderWritingTests {
    private static let pairs: [(String, String)] = [
        ("192.0.2.1:56324", "198.51.100.2:443"), ("255.255.255.255:65535", "0.0.0.0:0"),
        ("[2001:db8::1]:4124", "[2001:db8::2]:443"), ("[::1]:1", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
    ]

    @Test(arguments: [1, 2]) func theParserReadsWhatWasWritten(_ version: Int) throws {
        for (source, destination) in Self.pairs {
            let (source, destination) = (try SocketAddress(source), try SocketAddress(destination))
            let bytes = ProxyHeader.bytes(version: version, source: source, destination: destination)
            let header = try #require(try ProxyHeader.parse(bytes + Array("rest".utf8)))
            #expect(header.version == version)
            #expect(header.length == bytes.count)
            #expect(header.source == source)
            #expect(header.destination == destination)
        }
    }

    @Test func bytesAreThoseOfTheSpecification() throws {
        let (source, destination) = (try SocketAddress("192.0.2.1:56324"), try SocketAddress("198.51.100.2:443"))
        let text = ProxyHeader.bytes(version: 1, source: source, destination: destination)
        #expect(String(decoding: text, as: UTF8.self) == "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n")
        let binary = ProxyHeader.bytes(version: 2, source: source, destination: destination)
        #expect(
            Array(binary.dropFirst(12)) == [0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb])
    }

    @Test(arguments: [1, 2]) func mixedFamiliesBecomeIPv6(_ version: Int) throws {
        let (source, destination) = (try SocketAddress("192.0.2.1:7"), try SocketAddress("[2001:db8::2]:443"))
        let bytes = ProxyHeader.bytes(version: version, source: source, destination: destination)
        #expect(try ProxyHeader.parse(bytes)?.source?.description == "[::ffff:192.0.2.1]:7")
    }

    @Test(arguments: [1, 2]) func aScopeIsLeftOut(_ version: Int) throws {
        let address = SocketAddress.ipv6(high: 0xfe80 << 48, low: 1, scope: 3, port: 7)
        let bytes = ProxyHeader.bytes(version: version, source: address, destination: address)
        #expect(try ProxyHeader.parse(bytes)?.source == .ipv6(high: 0xfe80 << 48, low: 1, port: 7))
    }

    @Test func unixNamesAreInVersion2Only() throws {
        let (source, destination) = (SocketAddress.unnamedUnix, try SocketAddress.unix("/run/server.sock"))
        let binary = ProxyHeader.bytes(version: 2, source: source, destination: destination)
        #expect(binary.count == 232)
        #expect(try ProxyHeader.parse(binary)?.destination == destination)
        let text = ProxyHeader.bytes(version: 1, source: source, destination: destination)
        let header = try #require(try ProxyHeader.parse(text))
        #expect(header.source == nil)
        let mixed = ProxyHeader.bytes(version: 2, source: .loopback(port: 1), destination: destination)
        #expect(try ProxyHeader.parse(mixed)?.source == nil)
    }

    @Test(arguments: [1, 2]) func theProxysOwnConnectionNamesNoClient(_ version: Int) throws {
        let bytes = ProxyHeader.bytes(version: version, source: nil, destination: nil)
        let header = try #require(try ProxyHeader.parse(bytes))
        #expect(header.source == nil)
        #expect(header.length == bytes.count)
    }
}
