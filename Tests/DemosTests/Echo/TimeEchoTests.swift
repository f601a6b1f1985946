// The echo that says when, in the simulated world: the clock is the world's own, so that the same seed gives the same answer.

import Demos
import Glibc
import Reactor
import ReactorTesting
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct WallTimeTests {
    @Test(arguments: [
        (0, 0, "1970-01-01T00:00:00.000Z"), (951_782_400, 0, "2000-02-29T00:00:00.000Z"),
        (1_795_892_850, 123_999_999, "2026-11-28T19:07:30.123Z"), (-1, 999_999_999, "1969-12-31T23:59:59.999Z"),
        (-2_203_891_200, 0, "1900-03-01T00:00:00.000Z"), (4_107_542_400, 0, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799, 0, "9999-12-31T23:59:59.000Z"), (Int.max, Int.max, "9999-12-31T23:59:59.999Z"),
        (Int.min, Int.min, "0000-01-01T00:00:00.000Z"), (1_709_251_199, 5_000_000, "2024-02-29T23:59:59.005Z"),
    ])
    func isWrittenAsRFC3339HasIt(seconds: Int, nanoseconds: Int, text: String) {
        #expect(WallTime(seconds: seconds, nanoseconds: nanoseconds).text == text)
    }

    /// The calendar of the C library, which nobody here wrote.
    @Test func agreesWithTheCLibrary() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            let seconds = Int.random(in: -62_167_219_200...253_402_300_799, using: &random)
            var (moment, parts) = unsafe (time_t(seconds), tm())
            unsafe gmtime_r(&moment, &parts)
            let text = WallTime(seconds: seconds).text
            let numbers = text.dropLast(5).split { "-T:".contains($0) }.compactMap { Int($0) }
            let expected = unsafe [
                parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
            ]
            let isRight = numbers == expected.map(Int.init) && text.utf8.count == 24
            #expect(isRight, "\(seconds): \(text)")
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct TimeEchoTests {
    private static let clock: @Sendable () -> WallTime = { WallTime(seconds: 1_795_892_850, nanoseconds: 123_000_000) }
    private static let time = "2026-11-28T19:07:30.123Z "

    @Test(arguments: Backend.all) func everyLineComesBackBehindTheTime(_ backend: Backend) throws {
        for seed in 0..<5 as Range<UInt64> {
            let world = try Simulation(seed: seed, faults: survivableFaults, backend: backend)
            try world.listen { _ in TimeEcho(clock: Self.clock).framed(by: .lines()) }
            let client = world.connect()
            let lines = (0..<200).map { "line \($0)" + String(repeating: "é", count: $0 % 30) }
            client.write(lines.map { $0 + "\r\n" }.joined())
            client.closeWrite()
            try world.run { client.isOver }
            let isRight = client.text == lines.map { Self.time + $0 + "\n" }.joined()
            #expect(isRight && client.ended, "seed \(seed)")
            try world.check()
        }
    }

    @Test(arguments: Backend.all) func asATaskItRepliesTheSame(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, faults: survivableFaults, backend: backend)
        let listener = try world.loop.startServing(
            on: .loopback(port: 0), AsyncEcho.serveLinesWithTime(clock: Self.clock))
        let client = world.connect(to: listener.address)
        client.write("one\ntwo\n")
        client.closeWrite()
        try world.run { client.isOver }
        #expect(client.text == "\(Self.time)one\n\(Self.time)two\n")
        try world.check()
    }

    @Test(arguments: Backend.all) func everyDatagramComesBackBehindTheTime(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var options = DatagramOptions()
        options.datagramSize = 65_535
        let socket = try world.bindDatagrams(options: options, handler: TimeDatagramEcho(clock: Self.clock))
        let peer = world.datagramPeer()
        let longest = [UInt8](repeating: 97, count: 65_507)
        peer.send("hello\n", to: socket.address)
        peer.send("", to: socket.address)
        try world.run { peer.received.map(\.text) == [Self.time + "hello\n", Self.time] }
        // There is no room for both the time and a datagram of the greatest length.
        peer.send(longest, to: socket.address)
        try world.run { peer.received.count == 3 }
        #expect(peer.received[2].bytes.count == 65_507)
        try world.check()
    }
}
