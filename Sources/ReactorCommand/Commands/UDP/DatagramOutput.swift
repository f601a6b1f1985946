// The output of the datagram commands: per event a line of text, or with --json a line of JSON.

import FoundationEssentials
import Reactor

/// An event as JSON; keys that do not apply are omitted.
struct DatagramEvent: Encodable {
    var event: String
    var local: String?
    var peer: String?
    var bytes: Int?
    var text: String?
    var isTruncated: Bool?
    var reply: String?
    var milliseconds: Double?
    var replies: Int?
    var failure: String?

    init(_ event: String) { self.event = event }
}

/// Standard output as text or JSON.
struct DatagramOutput {
    let isJSON: Bool
    /// Whether a server writes it, whose loop must not block on a slow reader.
    let isServer: Bool

    init(isJSON: Bool, isServer: Bool) {
        (self.isJSON, self.isServer) = (isJSON, isServer)
        if isJSON && isServer { ServerLog.useJSON() }
    }

    /// Writes an event: `words` as text, or `event` as JSON.
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

    /// Returns a text in quotation marks, truncated to 60 characters.
    static func quoted(_ text: String) -> String {
        let most = 60
        return text.count > most ? "\"\(text.prefix(most))\"..." : "\"\(text)\""
    }

    /// Returns a duration in milliseconds, rounded to three decimals.
    static func milliseconds(_ time: Duration) -> Double { (time / .microseconds(1)).rounded() / 1000 }

    /// Returns the current local address of a socket from the kernel (getsockname(2)).
    static func address(of socket: DatagramSocket) -> SocketAddress {
        var address = socket.address
        if let descriptor = socket.fileDescriptor { _ = socket.loop.kernel.localAddress(of: descriptor, &address) }
        return address
    }
}
