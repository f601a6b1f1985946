// Look-ups whose outcomes a test decides, and those that need no look-up: text, bytes, ports.

import Demos
import Glibc
import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct ResolveTests {
    @Test(arguments: [
        ("127.0.0.1", "7f 00 00 01"), ("255.255.255.255", "ff ff ff ff"), ("0.0.0.0", "00 00 00 00"),
        ("::1", "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01"),
        ("2001:db8::a0b", "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 0a 0b"),
    ])
    func textAndBytesAreTheSame(text: String, bytes: String) throws {
        let address = try #require(AddressBytes(text: text))
        #expect(address.hex == bytes)
        #expect(AddressBytes(hex: bytes) == address && AddressBytes(hex: "0x" + bytes.filter { $0 != " " }) == address)
        #expect(address.text == text)
    }

    @Test func anAddressIsANumberInOneOrder() throws {
        let numbers = try #require(AddressBytes(text: "127.0.0.1")?.numbers)
        #expect(numbers.network == 0x7f00_0001 && numbers.littleEndian == 0x0100_007f)
        #expect(AddressBytes(text: "::1")?.numbers == nil)
    }

    @Test(arguments: ["", "127.1", "0177.0.0.1", "1.2.3.256", " 1.2.3.4", "1.2.3.4\0", ":::", "fe80::1%lo", "name"])
    func whatIsNoAddressIsNone(_ text: String) {
        #expect(AddressBytes(text: text) == nil)
        #expect(throws: SocketError.self) { try Resolve.bytes(of: text) }
    }

    @Test(arguments: ["", "7f00", "7f0000012", "7f00000g", "0x", "+7f00001", "７f000001"])
    func whatAreNoBytesAreNone(_ hex: String) {
        #expect(AddressBytes(hex: hex) == nil)
        #expect(throws: SocketError.self) { try Resolve.text(of: hex) }
    }

    @Test(arguments: ["", "/tcp", "http/", "http/sctp", "http/tcp/udp", "x\0"]) func noServiceHasSuchAName(
        _ text: String
    ) {
        #expect(throws: SocketError.self) { try Resolve.service(text) }
    }

    @Test(arguments: ["", "+80", "-1", "65536", "٣", "80 ", "0x50", "99999999999999999999"])
    func noPortIsWrittenLikeThat(_ text: String) {
        #expect(throws: SocketError.self) { try Resolve.port(text) }
    }

    @Test(.enabled("there is no /etc/services", { unsafe access("/etc/services", R_OK) == 0 }))
    func servicesAndTheirPortsAgree() throws {
        let http = try #require(try Resolve.service("http/tcp").first)
        #expect(http.port == 80 && http.networkBytes == "00 50" && http.transport == "tcp")
        #expect(try Resolve.port("80/tcp").first?.name == "http")
        #expect(try Resolve.service("domain").compactMap(\.transport) == ["tcp", "udp"])
    }

    @Test func namesAreLookedUpByTheLoopsResolverInTheOrderOfTheQuestions() throws {
        let resolver = SimulatedResolver([
            "db.example": [.ipv6(high: 0x2001_0db8 << 32, low: 1, port: 0), .ipv4(192, 0, 2, 1, port: 0)],
            "v6.example": [.ipv6(high: 0, low: 1, port: 0)],
        ])
        let world = try Simulation(seed: 1)
        let names = ["db.example", "nobody.example", "", "v6.example", "db.example", "db.example"]
        for (family, found) in [
            (Resolve.Family.any, ["2001:db8::1", "192.0.2.1"]), (.ipv4, ["192.0.2.1"]), (.ipv6, ["2001:db8::1"]),
        ] {
            var outcomes: [ResolveOutcome] = []
            var hasEnded = false
            let run = ResolveRun(
                names, on: world.loop,
                work: { name throws(SocketError) in try Resolve.host(name, family, resolver) },
                onOutcome: { outcomes.append($0) }, onEnd: { hasEnded = true })
            run.begin()
            try world.run { hasEnded }
            #expect(outcomes.map(\.query) == names && run.awaited == nil)
            #expect(outcomes[0].results.compactMap(\.address) == found)
            #expect(outcomes[1].error == "cannot resolve nobody.example: unknown name")
            #expect(outcomes[2].error?.contains("the name is missing") == true)
            #expect((outcomes[3].error == nil) == (family != .ipv4))
            #expect(outcomes[5].results == outcomes[0].results)
        }
        try world.check()
    }
}
