// What the datagram commands print: a line for people, or with --json a line of JSON for each event.

import FoundationEssentials
import Reactor

/// What happened, for programs; what does not apply is left out.
struct DatagramEvent: Encodable {
    var event: String
    var local: String?
    var peer: String?
    var bytes: Int?
    var text: String?
    var isTruncated: Bool?
    var answer: String?
    var milliseconds: Double?
    var answers: Int?
    var failure: String?

    init(_ event: String) { self.event = event }
}

/// Standard output, as it was asked for.
struct DatagramOutput {
    let isJSON: Bool
    /// Whether a loop that serves others writes it, and must not wait for its reader.
    let isServer: Bool

    init(isJSON: Bool, isServer: Bool) {
        (self.isJSON, self.isServer) = (isJSON, isServer)
        if isJSON && isServer { ServerLog.useJSON() }
    }

    /// Writes an event at once.
    func write(_ words: @autoclosure () -> String, _ event: DatagramEvent) {
        if isJSON {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            if let line = try? encoder.encode(event) { write(String(decoding: line, as: UTF8.self)) }
        } else {
            write(words())
        }
    }

    private func write(_ line: String) {
        if isServer { ServerLog.print(line) } else { StandardOutput.print(line) }
    }

    /// A text between quotation marks, cut where it is long.
    static func quoted(_ text: String) -> String {
        let most = 60
        return text.count > most ? "\"\(text.prefix(most))\"..." : "\"\(text)\""
    }

    /// Milliseconds with three places.
    static func milliseconds(_ time: Duration) -> Double { (time / .microseconds(1)).rounded() / 1000 }

    /// Where a socket is now, as the kernel says.
    static func address(of socket: DatagramSocket) -> SocketAddress {
        var address = socket.address
        if let descriptor = socket.fileDescriptor { _ = socket.loop.kernel.localAddress(of: descriptor, &address) }
        return address
    }
}
