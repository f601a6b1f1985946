// A chat from a pipe or a file: lines are sent as fast as the client accepts them; until then, input is not read.

import Demos
import Reactor

/// Sends the lines of standard input to a chat.
final class ChatPipe {
    /// The longest line in bytes; longer ones are cut. The server's own limit is far lower.
    private static let longestLine = 64 * 1024
    private let client: ChatClient
    private var rest: [UInt8] = []
    private var input: InputWatch?

    init(_ client: ChatClient) { self.client = client }

    /// Sends all lines; `leaving` is called at the end of input.
    func begin(on loop: EventLoop, leaving: @escaping () -> Void) throws(SocketError) {
        client.becameHungry = { [self] in input?.isPaused = false }
        input = try InputWatch(
            on: loop,
            received: { [self] bytes in
                take(bytes)
                if !client.wantsLines { input?.isPaused = true }
            },
            ended: { [self] in
                if !rest.isEmpty { client.send(rest) }
                leaving()
                client.finish()
            })
    }

    private func take(_ bytes: [UInt8]) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") || rest.count >= Self.longestLine {
                client.send(rest)
                rest.removeAll(keepingCapacity: true)
                if byte == UInt8(ascii: "\n") { continue }
            }
            rest.append(byte)
        }
    }
}
