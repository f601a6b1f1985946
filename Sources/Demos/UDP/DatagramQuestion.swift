// The sender of the teaching texts: it sends, and collects what is answered within a time, by one peer or by everybody
// whom a broadcast or a multicast reached.
//
//     ask --sent--> waiting --as many answers as were expected, a refusal, or the time is over--> ended is told

public import Reactor

/// Sends datagrams and collects the answers.
public final class DatagramQuestion: DatagramHandler {
    /// How it ended.
    public enum Outcome: Sendable, Equatable {
        /// As many answers as were expected.
        case complete
        /// The time is over.
        case timeOver
        /// The kernel refused to send, or tells that nobody is there.
        case failed(String)
    }

    private let expected: Int
    private let answered: (DatagramArrival, _ after: Duration) -> Void
    private var ended: ((Outcome) -> Void)?
    private var start = MonotonicTime(nanoseconds: 0)
    private weak var socket: DatagramSocket?
    private var question: [UInt8] = []
    private var target: SocketAddress?
    /// Datagrams that the socket has not taken yet: there was no room for them.
    public private(set) var unsent = 0
    /// What has been answered.
    public private(set) var answers: [DatagramArrival] = []
    /// Answers that are kept; who floods is cut off.
    private static let mostAnswers = 10_000

    /// A question.
    ///
    /// - Parameters:
    ///   - expected: ends when there are so many answers.
    ///   - answered: told of each.
    ///   - ended: told once.
    public init(
        expecting expected: Int, answered: @escaping (DatagramArrival, _ after: Duration) -> Void,
        ended: @escaping (Outcome) -> Void
    ) {
        (self.expected, self.answered, self.ended) = (min(expected, Self.mostAnswers), answered, ended)
    }

    /// Sends on a socket whose handler this is.
    ///
    /// - Parameters:
    ///   - address: `nil` for the peer that it is connected to.
    ///   - time: how long answers are waited for.
    public func ask(
        _ bytes: [UInt8], count: Int, to address: SocketAddress?, on socket: DatagramSocket, within time: Duration
    ) {
        self.socket = socket
        start = socket.loop.kernel.now()
        (question, target, unsent) = (bytes, address, count)
        sendRest(on: socket)
        socket.loop.schedule(after: time) { [weak self] in self?.end(.timeOver) }
    }

    /// Sends as many as there is room for; ``drained(_:)`` goes on. What can never be sent is reported to
    /// ``failed(_:peer:on:)``.
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

    /// There is room again.
    public func drained(_ socket: DatagramSocket) { sendRest(on: socket) }

    /// An answer.
    public func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        take(bytes, from: peer, on: socket, isTruncated: false)
    }

    /// The beginning of one.
    public func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        take(bytes, from: peer, on: socket, isTruncated: true)
    }

    private func take(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket, isTruncated: Bool) {
        guard ended != nil else { return }
        // Safe: the bytes are copied while they are lent.
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        let arrival = DatagramArrival(peer: peer, bytes: copy, isTruncated: isTruncated, time: socket.loop.now)
        answers.append(arrival)
        answered(arrival, start.duration(to: arrival.time))
        if answers.count >= expected { end(.complete) }
    }

    /// What the kernel says of what was sent.
    public func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) {
        end(.failed("\(error)"))
    }

    /// The loop has ended.
    public func closed(_ socket: DatagramSocket, error: SocketError?) {
        end(error.map { .failed("\($0)") } ?? .timeOver)
    }

    private func end(_ outcome: Outcome) {
        guard let ended = ended.take() else { return }
        ended(outcome)
    }
}
