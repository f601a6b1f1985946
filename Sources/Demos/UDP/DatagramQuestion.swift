// The sender of the teaching texts: sends datagrams and collects replies for a time, from one peer or from all that a
// broadcast or a multicast reached.
//
//     ask --sent--> waiting --the expected number of replies, a refusal, or a timeout--> ended

package import Reactor

/// A handler that sends datagrams and collects replies.
package final class DatagramQuestion: DatagramHandler {
    /// How a question ended.
    package enum Outcome: Sendable, Equatable {
        /// The expected number of replies arrived.
        case complete
        /// The time is over.
        case timeOver
        /// The kernel refused to send, or reported that the destination is unreachable.
        case failed(String)
    }

    private let expected: Int
    private let onReply: (DatagramArrival, _ after: Duration) -> Void
    private var onEnd: ((Outcome) -> Void)?
    private var start = MonotonicTime(nanoseconds: 0)
    private weak var socket: DatagramSocket?
    private var question: [UInt8] = []
    private var target: SocketAddress?
    /// The datagrams not sent yet, because the socket had no room for them.
    package private(set) var unsent = 0
    /// The replies so far.
    package private(set) var replies: [DatagramArrival] = []
    /// The maximum number of replies kept, as a protection against floods.
    private static let mostReplies = 10_000

    /// Creates a question.
    ///
    /// - Parameters:
    ///   - expected: the number of replies after which it ends.
    ///   - onReply: called for each reply.
    ///   - onEnd: called once.
    package init(
        expecting expected: Int, onReply: @escaping (DatagramArrival, _ after: Duration) -> Void,
        onEnd: @escaping (Outcome) -> Void
    ) {
        (self.expected, self.onReply, self.onEnd) = (min(expected, Self.mostReplies), onReply, onEnd)
    }

    /// Sends the question on a socket whose handler this is.
    ///
    /// - Parameters:
    ///   - bytes: the content of the datagram.
    ///   - count: how many times to send it.
    ///   - address: the destination; `nil` for the peer of a connected socket.
    ///   - socket: the socket.
    ///   - time: how long to wait for replies.
    package func ask(
        _ bytes: [UInt8], count: Int, to address: SocketAddress?, on socket: DatagramSocket, within time: Duration
    ) {
        self.socket = socket
        start = socket.loop.kernel.now()
        (question, target, unsent) = (bytes, address, count)
        sendRest(on: socket)
        socket.loop.schedule(after: time) { [weak self] in self?.end(.timeOver) }
    }

    /// Sends as many datagrams as the socket has room for; ``drained(_:)`` continues. One that can never be sent is
    /// reported to ``failed(_:peer:on:)``.
    private func sendRest(on socket: DatagramSocket) {
        while unsent > 0 {
            let result: DatagramSendResult
            if let target {
                result = socket.send(question, to: target)
            } else {
                // Safe: a UInt8 has no padding that would be uninitialized.
                result = unsafe socket.send(question.span.bytes)
            }
            switch result {
            case .taken: unsent -= 1
            case .pressure:
                unsent -= 1
                return
            default: return
            }
        }
    }

    /// Continues to send: the socket has room again.
    package func drained(_ socket: DatagramSocket) { sendRest(on: socket) }

    /// Records a reply.
    package func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        take(bytes, from: peer, on: socket, isTruncated: false)
    }

    /// Records the part of a reply that was received.
    package func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        take(bytes, from: peer, on: socket, isTruncated: true)
    }

    private func take(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket, isTruncated: Bool) {
        guard onEnd != nil else { return }
        // Safe: the bytes are copied during the call.
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        let arrival = DatagramArrival(peer: peer, bytes: copy, isTruncated: isTruncated, time: socket.loop.now)
        replies.append(arrival)
        onReply(arrival, start.duration(to: arrival.time))
        if replies.count >= expected { end(.complete) }
    }

    /// Ends with the error that the kernel reported for a datagram.
    package func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) {
        end(.failed("\(error)"))
    }

    /// Ends because the socket was closed.
    package func closed(_ socket: DatagramSocket, error: SocketError?) {
        end(error.map { .failed("\($0)") } ?? .timeOver)
    }

    private func end(_ outcome: Outcome) {
        guard let onEnd = onEnd.take() else { return }
        onEnd(outcome)
    }
}
