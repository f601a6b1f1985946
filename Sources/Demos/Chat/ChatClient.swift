// The other end of a chat's connection: lines from the server in, lines to it out, in order and no faster than they may
// come. It knows no terminal and no pipe.
//
//     send --> waiting lines --allowance--> connection          finish(): half-close once they are sent, then a short wait

public import Reactor

/// A connection to a chat server, as a client sees it.
public final class ChatClient: MessageHandler {
    /// Lines of this side that may wait, before ``wantsLines`` says no.
    private static let mostWaiting = 64
    /// How long the server may take to end the conversation after this side has.
    private static let grace = Duration.seconds(2)

    private let loop: EventLoop
    private var allowance: TokenBucket?
    private let lineArrived: (String) -> Void
    private let ended: (CloseReason) -> Void
    private var connection: Connection?
    private var waiting: [[UInt8]] = []
    private var timer: Timer?
    private var isFinishing = false
    /// Called when ``wantsLines`` has become true again.
    public var becameHungry: (() -> Void)?

    /// A client.
    ///
    /// - Parameters:
    ///   - allowance: how fast to send; `nil` sends at once, as a human writes.
    ///   - line: called with each line of the server, in which every character is a visible one.
    ///   - ended: called when the conversation is over.
    public init(
        on loop: EventLoop, allowance: TokenBucket? = nil, line: @escaping (String) -> Void,
        ended: @escaping (CloseReason) -> Void
    ) {
        self.loop = loop
        self.allowance = allowance
        lineArrived = line
        self.ended = ended
    }

    /// Whether there is room for more lines to be sent.
    public var wantsLines: Bool { waiting.count < Self.mostWaiting }

    /// Sends a line as soon as it may be.
    public func send(_ line: some Sequence<UInt8>) {
        guard !isFinishing else { return }
        waiting.append(line + [UInt8(ascii: "\n")])
        flush()
    }

    /// There will be no more lines: ends this side's stream when all are sent. What the server still has to say is taken
    /// until it ends the conversation, or for two seconds.
    public func finish() {
        isFinishing = true
        flush()
    }

    private func flush() {
        guard let connection, timer == nil else { return }
        let wasFull = !wantsLines
        var sent = 0
        for line in waiting {
            if allowance?.take(at: loop.now) == false {
                wait()
                break
            }
            connection.write(line)
            sent += 1
        }
        waiting.removeFirst(sent)
        if wasFull && wantsLines { becameHungry?() }
        guard isFinishing, waiting.isEmpty, timer == nil else { return }
        connection.finish()
        timer = loop.schedule(after: Self.grace) { [weak connection] in connection?.close() }
    }

    private func wait() {
        timer = loop.schedule(after: allowance?.wait(at: loop.now) ?? .zero) { [weak self] in
            self?.timer = nil
            self?.flush()
        }
    }

    // MARK: The connection's calls

    /// Sends what was written before.
    public func connected(_ connection: Connection) {
        self.connection = connection
        flush()
    }

    /// A line from the server.
    public func received(message: RawSpan, on connection: Connection) {
        lineArrived(ChatText.visible(Array(message)))
    }

    /// The end.
    public func closed(_ connection: Connection, reason: CloseReason) {
        self.connection = nil
        if let timer { loop.cancel(timer) }
        ended(reason)
    }
}
