// The packets: what is written is read back, and whatever strangers send is a packet or an error and never a trap.

import Reactor
import ReactorTesting
import Testing

@testable import ReactorTFTP

@Suite(.timeLimit(.minutes(20))) struct TFTPPacketTests {
    private func parse(_ bytes: [UInt8]) throws(TFTPError) -> TFTPPacket {
        try unsafe TFTPPacket(bytes.span.bytes)  // safe: a UInt8 has no padding
    }

    private static let packets: [TFTPPacket] = [
        .read(TFTPRequest(name: Array("boot.img".utf8), mode: .octet)),
        .write(
            TFTPRequest(
                name: Array("a/ü".utf8), mode: .netascii,
                options: [TFTPOption(.blockSize, 1428), TFTPOption(.transferSize, 0), TFTPOption(.windowSize, 16)])),
        .data(block: 65_535, [1, 2, 3]), .data(block: 0, []), .acknowledgement(block: 256),
        .error(TFTPError(.diskFull, "no space")), .optionAcknowledgement([TFTPOption(.timeout, 3)]),
    ]

    @Test(arguments: packets) func whatIsWrittenIsReadBack(_ packet: TFTPPacket) throws {
        #expect(try parse(packet.bytes) == packet)
    }

    @Test func theBytesAreThoseOfTheStandard() {
        #expect(Self.packets[0].bytes == [0, 1] + Array("boot.img\0octet\0".utf8))
        #expect(
            Self.packets[1].bytes
                == [0, 2] + Array("a/ü\0netascii\0blksize\01428\0tsize\00\0windowsize\016\0".utf8))
        #expect(Self.packets[2].bytes == [0, 3, 255, 255, 1, 2, 3])
        #expect(Self.packets[4].bytes == [0, 4, 1, 0])
        #expect(Self.packets[5].bytes == [0, 5, 0, 3] + Array("no space\0".utf8))
        #expect(Self.packets[6].bytes == [0, 6] + Array("timeout\03\0".utf8))
    }

    @Test func modesAndOptionsAreReadInAnyCase() throws {
        let bytes = [0, 1] + Array("f\0OcTeT\0BlkSize\0512\0".utf8)
        let request = TFTPRequest(name: [0x66], mode: .octet, options: [TFTPOption(.blockSize, 512)])
        #expect(try parse(bytes) == .read(request))
    }

    @Test(
        arguments: [
            [], [0], [0, 0], [0, 7], [1, 1, 0x66, 0], [0, 1], [0, 1, 0], [0, 1, 0x66], [0, 1, 0x66, 0],
            [0, 1] + Array("f\0octet".utf8), [0, 1] + Array("\0octet\0".utf8), [0, 1] + Array("f\0mail\0".utf8),
            [0, 2] + Array("f\0octet\0blksize\0".utf8), [0, 1] + Array("f\0octet\0blksize\0512".utf8), [0, 3],
            [0, 3, 1],
            [0, 4], [0, 4, 0], [0, 5, 0], [0, 6] + Array("blksize".utf8),
            [0, 1] + Array("f\0octet\0".utf8) + [UInt8](repeating: 0, count: 80),
        ] as [[UInt8]]) func malformedPacketsAreRefused(_ bytes: [UInt8])
    {
        #expect(throws: TFTPError.self) { try parse(bytes) }
    }

    @Test func anErrorWithoutTheEndOfItsTextIsRead() throws {
        #expect(try parse([0, 5, 0, 1]) == .error(TFTPError(.fileNotFound, "")))
        guard case .error(let error) = try parse([0, 5, 0, 2, 0x1B, 0x5B, 0x41, 0xFF]) else {
            Issue.record("no error")
            return
        }
        #expect(error.code == .accessViolation && error.description == "?[A\u{FFFD}")
        #expect(TFTPError(.fileExists, "").description == "file already exists")
    }

    @Test(arguments: ["", "+4", "-1", "0x10", "1 ", "٣", "99999999999999999999", "9223372036854775807"])
    func whatIsNoNumberIsNone(_ text: String) {
        #expect(TFTPOption(name: Array("blksize".utf8), value: Array(text.utf8)).number == nil)
    }

    /// Random bytes, and packets of which some bytes were changed, cut off or added.
    @Test func randomBytesNeverTrap() {
        var random = SeededGenerator(seed: 8)
        for round in 0..<20_000 {
            var bytes: [UInt8] = []
            if round % 2 == 0 {
                bytes = (0..<random.number(in: 0...40)).map { _ in UInt8(random.number(in: 0...255)) }
                if bytes.count > 1 { (bytes[0], bytes[1]) = (0, UInt8(random.number(in: 0...7))) }
            } else {
                bytes = Self.packets[random.number(in: 0...Self.packets.count - 1)].bytes
                for _ in 0..<random.number(in: 1...4) {
                    let place = random.number(in: 0...bytes.count - 1)
                    switch random.number(in: 0...2) {
                    case 0: bytes[place] = UInt8(random.number(in: 0...255))
                    case 1: bytes.insert(UInt8(random.number(in: 0...255)), at: place)
                    default: if bytes.count > 1 { bytes.remove(at: place) }
                    }
                }
            }
            guard let packet = try? parse(bytes) else { continue }
            // Whatever was understood means the same when it is written again.
            let again = try? parse(packet.bytes)
            #expect(again == packet, "\(bytes)")
            if case .read(let request) = packet { _ = request.options.map(\.number) }
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct NetASCIITests {
    private static let text = Array("a\nb\rc\r\n\r\r\n\n\r".utf8)
    private static let onItsWay = Array("a\r\nb\r\0c\r\0\r\n\r\0\r\0\r\n\r\n\r\0".utf8)

    @Test func linesEndWithBothAndReturnsWithZero() {
        #expect(NetASCIIEncoder().encode(Self.text) == Self.onItsWay)
        var decoder = NetASCIIDecoder()
        #expect(decoder.decode(Self.onItsWay) + decoder.finish() == Self.text)
    }

    /// A pair may be torn anywhere, between blocks as well.
    @Test func itDoesNotMatterWhereItIsCut() {
        for size in 1...Self.onItsWay.count {
            var decoder = NetASCIIDecoder()
            var result: [UInt8] = []
            for start in stride(from: 0, to: Self.onItsWay.count, by: size) {
                result += decoder.decode(Self.onItsWay[start..<min(start + size, Self.onItsWay.count)])
            }
            #expect(result + decoder.finish() == Self.text, "pieces of \(size)")
        }
    }

    @Test func aReturnThatIsFollowedByAnythingElseStays() {
        var decoder = NetASCIIDecoder()
        #expect(decoder.decode([13, 65, 13, 13, 10]) == [13, 65, 13, 10])
        #expect(decoder.decode([13]).isEmpty && decoder.finish() == [13] && decoder.finish().isEmpty)
    }
}

@Suite(.timeLimit(.minutes(20))) struct TFTPTermsTests {
    private func option(_ name: String, _ value: String) -> TFTPOption {
        TFTPOption(name: Array(name.utf8), value: Array(value.utf8))
    }

    private func grant(_ options: [TFTPOption], size: Int? = 1000, isWrite: Bool = false) -> [TFTPOption] {
        TFTPTerms.granting(options, within: TFTPTerms.Bounds(), fileSize: size, isWrite: isWrite).reply
    }

    @Test func aServerGrantsWhatMakesSense() {
        let asked = [
            option("blksize", "1428"), option("windowsize", "16"), option("timeout", "3"), option("tsize", "0"),
            option("unheardof", "1"), option("blksize", "9"),
        ]
        #expect(
            grant(asked) == [
                option("blksize", "1428"), option("windowsize", "16"), option("timeout", "3"), option("tsize", "1000"),
            ])
        #expect(grant([option("tsize", "77")], isWrite: true) == [option("tsize", "77")])
        #expect(grant([option("tsize", "0")], size: nil).isEmpty, "the size of a text is not known")
    }

    @Test(arguments: [
        ("blksize", "7"), ("blksize", "0"), ("blksize", "-5"), ("blksize", "x"), ("blksize", ""), ("windowsize", "0"),
        ("timeout", "0"), ("timeout", "256"), ("timeout", "99999999999999999999"), ("tsize", "x"),
    ]) func whatMakesNoSenseIsLeftOut(_ name: String, _ value: String) {
        #expect(grant([option(name, value)]).isEmpty)
    }

    @Test func whatIsTooMuchIsLowered() {
        #expect(grant([option("blksize", "70000")]) == [option("blksize", "65464")])
        let both = [option("windowsize", "65535"), option("blksize", "65464")]
        #expect(grant(both) == [option("windowsize", "4"), option("blksize", "65464")])
        #expect(grant([option("windowsize", "65535")]) == [option("windowsize", "64")])
    }

    @Test func aClientAcceptsWhatItAskedForOrLess() throws {
        let asked = [option("blksize", "1428"), option("windowsize", "16"), option("tsize", "0")]
        let terms = try TFTPTerms.accepting([option("blksize", "1024"), option("tsize", "5")], to: asked)
        #expect(terms.blockSize == 1024 && terms.windowSize == 1 && terms.transferSize == 5)
    }

    @Test(arguments: [
        ("blksize", "1429"), ("blksize", "7"), ("blksize", "x"), ("windowsize", "17"), ("windowsize", "0"),
        ("timeout", "3"), ("unheardof", "1"), ("tsize", "-1"),
    ]) func aServerThatLiesIsFoundOut(_ name: String, _ value: String) {
        let asked = [option("blksize", "1428"), option("windowsize", "16"), option("tsize", "0")]
        #expect {
            try TFTPTerms.accepting([option(name, value)], to: asked)
        } throws: {
            ($0 as? TFTPError)?.code == .optionsRefused
        }
    }
}
