// A chat in the simulated world: members are simulated clients, and a line arrives when the network lets it.

import Reactor
import ReactorTesting
import Testing

@testable import Demos

/// A simulated world with one chat server.
final class ChatWorld {
    let simulation: Simulation
    let chat: ChatServer

    init(
        seed: UInt64 = 1, faults: Faults = .none, backend: Backend = .epoll(), chatLimits: ChatLimits = ChatLimits(),
        limits: Limits = Limits()
    ) throws {
        simulation = try Simulation(seed: seed, faults: faults, backend: backend)
        chat = ChatServer(name: "a", limits: chatLimits)
        try simulation.listen(limits: limits) { [chat] _ in
            ChatSession(chat).framed(by: ChatSession.framing(chatLimits))
        }
    }

    /// A client who has come in under a name.
    func join(_ name: String) throws -> SimulatedClient {
        let client = simulation.connect()
        client.write(name + "\n")
        try simulation.run { client.lines.contains { $0.hasPrefix("* you are in lobby") } }
        return client
    }

    func run(until condition: () -> Bool) throws { try simulation.run(until: condition) }
}

extension SimulatedClient {
    /// The whole lines that it has received.
    var lines: [Substring] {
        let text = text
        guard let end = text.lastIndex(of: "\n") else { return [] }
        return text[..<end].split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// How many lines it has received that somebody said, once the last one is whole: quicker than ``lines``, for what is
    /// asked at every turn.
    var heard: Int {
        guard received.last == UInt8(ascii: "\n") else { return 0 }
        var count = 0
        for byte in received where byte == UInt8(ascii: "<") { count += 1 }
        return count
    }

    func has(_ line: String) -> Bool { lines.contains { $0 == line } }
}

/// A peer that is a list of lines.
final class RecordingPeer: ChatPeer {
    private(set) var bytes: [UInt8] = []
    private(set) var wasClosed = false
    var limitKey: UInt64? { nil }

    func send(_ bytes: [UInt8]) { self.bytes += bytes }
    func close() { wasClosed = true }

    /// The lines since this was asked last.
    func take() -> [String] {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        bytes = []
        return lines
    }
}
