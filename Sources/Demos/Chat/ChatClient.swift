// The client's side of a chat connection: passes the server's lines on, and sends lines in order and within an
// allowance. It is independent of terminals and pipes.
//
//     send --> waiting lines --allowance--> connection          finish(): half-close once they are sent, then a short wait

package import Reactor

/// The handler of a client's connection to a chat server.
package final class ChatClient: MessageHandler {
    /// The number of queued lines at which ``wantsLines`` becomes `false`.
    private static let mostWaiting = 64
    /// How long the server may take to close after this side's half-close.
    private static let grace = Duration.seconds(2)

    private let loop: EventLoop
    private var allowance: TokenBucket?
    private let lineArrived: (String) -> Void
    private let ended: (CloseReason) -> Void
    private var connection: Connection?
    private var waiting: [[UInt8]] = []
    private var timer: LoopTimer?
    private var isFinishing = false
    /// Called when ``wantsLines`` becomes `true` again.
    package var becameHungry: (() -> Void)?

    /// Creates a client.
    ///
    /// - Parameters:
    ///   - loop: the loop of the connection.
    ///   - allowance: the rate at which lines are sent; `nil` for no limit. Default: `nil`, for a human typist.
    ///   - line: called with each line of the server, sanitized for a terminal.
    ///   - ended: called when the connection has ended.
    package init(
        on loop: EventLoop, allowance: TokenBucket? = nil, line: @escaping (String) -> Void,
        ended: @escaping (CloseReason) -> Void
    ) {
        self.loop = loop
        self.allowance = allowance
        lineArrived = line
        self.ended = ended
    }

    /// Whether the queue has room for more lines.
    package var wantsLines: Bool { waiting.count < Self.mostWaiting }

    /// Sends a line as soon as the allowance permits.
    package func send(_ line: some Sequence<UInt8>) {
        guard !isFinishing else { return }
        waiting.append(line + [UInt8(ascii: "\n")])
        flush()
    }

    /// Half-closes the connection once all lines are sent. Lines of the server are still received until it closes, for
    /// two seconds at most.
    package func finish() {
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
        connection.closeWrite()
        timer = loop.schedule(after: Self.grace) { [weak connection] in connection?.close() }
    }

    private func wait() {
        timer = loop.schedule(after: allowance?.wait(at: loop.now) ?? .zero) { [weak self] in
            self?.timer = nil
            self?.flush()
        }
    }

    // MARK: Callbacks of the connection

    /// Sends the lines queued so far.
    package func connected(_ connection: Connection) {
        self.connection = connection
        flush()
    }

    /// Passes a line of the server on.
    package func received(message: RawSpan, on connection: Connection) {
        lineArrived(ChatText.visible(Array(message)))
    }

    /// Reports the end of the connection.
    package func closed(_ connection: Connection, reason: CloseReason) {
        self.connection = nil
        if let timer { loop.cancel(timer) }
        ended(reason)
    }
}
