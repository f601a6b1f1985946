// A datagram client for the time of a question.

import Reactor

/// Sends one datagram and waits for the answer.
final class DatagramQuestion: DatagramHandler {
    private(set) var answer: [UInt8]?

    func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        answer = (0..<bytes.byteCount).map { bytes.byte(at: $0) }
        socket.loop.stop()
    }

    static func ask(_ address: String, _ bytes: [UInt8]) throws -> [UInt8]? {
        let loop = try EventLoop()
        let question = DatagramQuestion()
        var options = DatagramOptions()
        options.datagramSize = 65_535
        let server = try SocketAddress(address)
        let socket = try loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: question)
        socket.send(bytes, to: server)
        loop.schedule(after: .seconds(10)) { loop.stop() }
        try loop.run()
        return question.answer
    }
}
