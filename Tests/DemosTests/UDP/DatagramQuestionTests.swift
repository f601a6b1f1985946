// Sender and receiver of single datagrams in the simulated world.

import Reactor
import ReactorTesting
import Testing

@testable import Demos

@Suite(.timeLimit(.minutes(20))) struct DatagramQuestionTests {
    private final class Ending {
        var outcomes: [DatagramQuestion.Outcome] = []
    }

    private func question(_ expected: Int, _ ending: Ending) -> DatagramQuestion {
        DatagramQuestion(expecting: expected, onReply: { _, _ in }, onEnd: { ending.outcomes.append($0) })
    }

    @Test(arguments: Backend.all) func aRequestForTheTimeGetsIt(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        var seen: [(DatagramArrival, String?)] = []
        let time = WallTime(seconds: 1_700_000_000, nanoseconds: 5_000_000)
        var options = DatagramOptions()
        options.datagramSize = 6
        let server = try world.bindDatagrams(
            options: options,
            handler: DatagramResponder(prefix: TimeReply.prefix) {
                TimeReply.words(for: $0, at: time)
            } arrived: {
                seen.append(($0, $1))
            })
        let peer = world.datagramPeer()
        for text in ["hello", "too long", "", "time: 1"] { peer.send(text, to: server.address) }
        try world.run { seen.count == 4 }
        try world.run { peer.received.count == 3 }
        #expect(
            peer.received.map(\.text) == [
                "time: 2023-11-14T22:13:20.005Z, you are \(peer.address), 5 bytes",
                "time: 2023-11-14T22:13:20.005Z, you are \(peer.address), 6 bytes, cut",
                "time: 2023-11-14T22:13:20.005Z, you are \(peer.address), 0 bytes",
            ], "a reply gets no reply: two servers would go on indefinitely")
        #expect(seen.map(\.0.isTruncated) == [false, true, false, true] && seen[3].1 == nil)
        try world.check()
    }

    @Test func whoDoesNotBindIsBoundWhenItSends() throws {
        let world = try Simulation(seed: 1)
        let peer = world.datagramPeer()
        let ending = Ending()
        let question = question(1, ending)
        let socket = try world.loop.openDatagrams(like: peer.address, handler: question)
        #expect(socket.address == .unspecified)
        peer.onReceived = { [unowned peer] in peer.send("you are \($0.source)", to: $0.source) }
        question.ask([1], count: 1, to: peer.address, on: socket, within: .seconds(1))
        try world.run { !ending.outcomes.isEmpty }
        #expect(ending.outcomes == [.complete] && question.replies[0].text == "you are \(peer.received[0].source)")
        #expect(peer.received[0].source.port != 0)
        try world.check()
    }

    @Test func allWhoHearABroadcastAreCollected() throws {
        let world = try Simulation(seed: 1)
        let everybody = SocketAddress.ipv4(127, 255, 255, 255, port: 7791)
        let group = SocketAddress.ipv4(239, 1, 2, 3, port: 7791)
        var options = DatagramOptions()
        options.sharesAddress = true
        for number in 0..<3 {
            let socket = try world.bindDatagrams(
                on: .ipv4(0, 0, 0, 0, port: 7791), options: options,
                handler: DatagramResponder(prefix: PresenceReply.prefix) { _ in
                    "\(number)"
                } arrived: { _, _ in
                })
            if number > 0 { try socket.join(group) }
        }
        options.allowsBroadcast = true
        for (address, expected) in [(everybody, 3), (group, 2)] {
            let ending = Ending()
            let question = question(.max, ending)
            let socket = try world.bindDatagrams(on: .unspecified, options: options, handler: question)
            question.ask(Array("who".utf8), count: 1, to: address, on: socket, within: .milliseconds(500))
            try world.run { !ending.outcomes.isEmpty }
            #expect(ending.outcomes == [.timeOver])
            #expect(Set(question.replies.map(\.text)).count == expected, "\(address)")
        }
        // Nobody may send to everybody who has not said that it wants to.
        let ending = Ending()
        let question = question(1, ending)
        let socket = try world.bindDatagrams(on: .unspecified, handler: question)
        question.ask([1], count: 1, to: everybody, on: socket, within: .milliseconds(500))
        try world.run { !ending.outcomes.isEmpty }
        #expect(ending.outcomes == [.failed("cannot send to \(everybody): permission denied (EACCES)")])
        try world.check()
    }

    @Test func onlyAConnectedSocketReportsAnAbsentPeer() throws {
        let world = try Simulation(seed: 1)
        let nobody = SocketAddress.loopback(port: 7799)
        for isConnected in [true, false] {
            let ending = Ending()
            let question = question(1, ending)
            let socket =
                isConnected
                ? try world.connectDatagrams(to: nobody, handler: question)
                : try world.bindDatagrams(on: .loopback(port: 0), handler: question)
            question.ask([1], count: 1, to: isConnected ? nil : nobody, on: socket, within: .seconds(1))
            try world.run { !ending.outcomes.isEmpty }
            guard case .failed(let reason) = ending.outcomes[0] else {
                #expect(!isConnected)
                continue
            }
            #expect(isConnected && reason.contains("connection refused"))
        }
        try world.check()
    }
}
