// One experiment: both ends of a real connection on one loop, the messages in transit from one to the other, and a
// record of every receive. It owns the listener and both connections, and is over when they are closed.
//
//     listening --both connected--> sending --all sent--> finished --the receiver has read the end--> over
//          +-------+---- refused, reset, timed out --------------------------------------------> failed

package import Reactor

/// An experiment that sends messages over a loopback connection and records how they arrive.
package final class FramingExperiment {
    /// The time limit, generous for a loopback connection.
    private static let patience = Duration.seconds(10)

    private let loop: EventLoop
    private let plan: FramingPlan
    private let sends: [[UInt8]]
    private var onOutcome: ((Result<FramingResult, SocketError>) -> Void)?
    private var listener: Listener?
    private var timer: LoopTimer?
    private var sender: Connection?
    private var receiver: Connection?
    private var sent = 0
    private var receives: [[UInt8]] = []
    private var messages: [[UInt8]] = []

    /// Creates an experiment on a loop. The callback is called once with the outcome, after all descriptors are closed.
    package init(
        _ plan: FramingPlan, on loop: EventLoop, onOutcome: @escaping (Result<FramingResult, SocketError>) -> Void
    ) {
        self.loop = loop
        self.plan = plan
        sends = plan.sends
        self.onOutcome = onOutcome
    }

    /// Starts the experiment.
    ///
    /// - Throws: ``SocketError`` if the listener or the connection cannot be opened.
    package func begin() throws(SocketError) {
        let listener = try loop.listen(on: .loopback(port: 0)) { [self] _ in ReceivingEnd(self) }
        self.listener = listener
        timer = loop.schedule(after: Self.patience) { [self] in fail("timed out") }
        do throws(SocketError) {
            try loop.connect(
                to: listener.address, handler: { [self] _ in SendingEnd(self) },
                failed: { [self] in conclude(.failure($0)) })
        } catch {
            end()
            throw error
        }
    }

    /// Returns a handler of the framing that records messages; `nil` if each receive counts as a message.
    fileprivate func makeFramed() -> (any ConnectionHandler)? {
        switch plan.framing {
        case .raw: nil
        case .lines: MessageCollector(self).framed(by: .lines())
        case .length: MessageCollector(self).framed(by: .lengthPrefixed(.uint32, .bigEndian))
        }
    }

    // MARK: Sending and receiving

    fileprivate func connected(sender connection: Connection) {
        sender = connection
        if receiver != nil { sendNext() }
    }

    fileprivate func connected(receiver connection: Connection) {
        receiver = connection
        if plan.delivery == .readLate { connection.pauseReading() }
        if sender != nil { sendNext() }
    }

    /// Performs one send per turn of the loop: writes of the same turn would be flushed together.
    private func sendNext() {
        loop.execute { [self] in
            guard let sender, let receiver else { return }
            guard sent < sends.count else {
                sender.closeWrite()
                return receiver.resumeReading()
            }
            sender.write(sends[sent])
            sent += 1
            if plan.delivery == .readLate { sendNext() }
        }
    }

    fileprivate func received(_ bytes: [UInt8]) {
        receives.append(bytes)
        if plan.framing == .raw { messages.append(bytes) }
        let arrived = receives.reduce(0) { $0 + $1.count }
        let due = sends.prefix(sent).reduce(0) { $0 + $1.count }
        if plan.delivery != .readLate && arrived == due { sendNext() }
    }

    fileprivate func received(message: [UInt8]) { messages.append(message) }

    // MARK: The end

    fileprivate func closed(_ connection: Connection, _ reason: CloseReason) {
        if connection === sender { sender = nil } else { receiver = nil }
        if reason.kind != .ended && reason.kind != .closed { return fail("the connection was lost: \(reason)") }
        if sender == nil && receiver == nil {
            conclude(.success(FramingResult(plan: plan, receives: receives, messages: messages)))
        }
    }

    private func fail(_ reason: String) {
        conclude(.failure(SocketError(.connect, subject: "\(listener?.address ?? .unspecified)", reason: reason)))
    }

    private func conclude(_ result: Result<FramingResult, SocketError>) {
        let report = onOutcome.take()
        end()
        report?(result)
    }

    private func end() {
        onOutcome = nil
        if let timer { loop.cancel(timer) }
        timer = nil
        listener?.close()
        listener = nil
        sender?.abort()
        receiver?.abort()
    }
}

/// The sender of the messages.
private final class SendingEnd: ConnectionHandler {
    private let experiment: FramingExperiment

    init(_ experiment: FramingExperiment) { self.experiment = experiment }

    func connected(_ connection: Connection) { experiment.connected(sender: connection) }
    func received(_ bytes: RawSpan, on connection: Connection) {}
    func closed(_ connection: Connection, reason: CloseReason) { experiment.closed(connection, reason) }
}

/// The receiver: every receive is recorded, and passed to the framing, if any.
private final class ReceivingEnd: ConnectionHandler {
    private let experiment: FramingExperiment
    private let framed: (any ConnectionHandler)?

    init(_ experiment: FramingExperiment) {
        self.experiment = experiment
        framed = experiment.makeFramed()
    }

    func connected(_ connection: Connection) throws {
        try framed?.connected(connection)
        experiment.connected(receiver: connection)
    }

    func received(_ bytes: RawSpan, on connection: Connection) throws {
        experiment.received(Array(bytes))
        try framed?.received(bytes, on: connection)
    }

    func resumed(_ connection: Connection) throws { try framed?.resumed(connection) }

    func ended(_ connection: Connection) throws {
        if let framed { try framed.ended(connection) } else { connection.close() }
    }

    func drained(_ connection: Connection) throws { try framed?.drained(connection) }

    func draining(_ connection: Connection) throws {
        if let framed { try framed.draining(connection) } else { connection.close() }
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        framed?.closed(connection, reason: reason)
        experiment.closed(connection, reason)
    }
}

/// The messages that the framing finds.
private final class MessageCollector: MessageHandler {
    private let experiment: FramingExperiment

    init(_ experiment: FramingExperiment) { self.experiment = experiment }

    func received(message: RawSpan, on connection: Connection) { experiment.received(message: Array(message)) }
}
