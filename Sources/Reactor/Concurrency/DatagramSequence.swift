// Datagrams, for a task that waits for them.

/// A datagram that has arrived.
public struct Datagram: Sendable {
    /// What is in it; it may be empty.
    public let bytes: [UInt8]
    /// Who it says that it is from. Anybody can say so (RFC 2827).
    public let peer: SocketAddress
    /// The address of this machine that it was sent to, from which an answer has to leave; `nil` when the kernel did not
    /// report it.
    public let local: SocketAddress?
    /// Whether it was longer than ``DatagramOptions/datagramSize``, so that its end is missing.
    public let isTruncated: Bool
}

/// A UDP socket that a task receives from, as a sequence of datagrams. Made by ``EventLoop/datagrams(on:options:keeping:)``.
///
///     let socket = try loop.datagrams(on: .loopback(port: 7788))
///     for try await datagram in socket { socket.answer(datagram, with: datagram.bytes) }
///
/// Close ``base`` when it is no longer needed; the loop's end closes it, too.
public struct DatagramSequence: AsyncSequence {
    /// The socket, for sending and for what else can be asked of it.
    public let base: DatagramSocket
    fileprivate let receiver: DatagramReceiver

    /// Datagrams that came while as many as are to be kept waited for the task; they are gone.
    public var dropped: Int { receiver.dropped }

    /// Sends a datagram back to where another one came from: from the address that was asked, and within
    /// ``DatagramOptions/answers``.
    @discardableResult
    public func answer(_ datagram: Datagram, with bytes: [UInt8]) -> DatagramSendResult {
        // Safe: a UInt8 has no padding that would be uninitialized.
        unsafe base.answer(
            bytes.span.bytes, to: datagram.peer, from: datagram.local, question: datagram.bytes.span.bytes)
    }

    /// Waits for one datagram after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let receiver: DatagramReceiver

        /// The next datagram; `nil` when the socket is closed. Throws when the task is cancelled.
        public func next(isolation actor: isolated (any Actor)?) async throws(WaitError) -> Datagram? {
            try await receiver.next()
        }

        /// The next datagram; `nil` when the socket is closed. Throws when the task is cancelled.
        public nonisolated(nonsending) func next() async throws(WaitError) -> Datagram? { try await receiver.next() }
    }

    /// Begins to receive. Datagrams that have come already come first.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(receiver: receiver) }
}

extension EventLoop {
    /// Binds a UDP socket for a task to receive from.
    ///
    /// As ``bindDatagrams(on:options:handler:)-(SocketAddress,_,_)``.
    /// - Parameter limit: datagrams that may wait for the task; what comes beyond them is dropped, as a kernel does, and
    ///   counted. Default: 256.
    public func datagrams(
        on address: SocketAddress, options: DatagramOptions = DatagramOptions(), keeping limit: Int = 256
    ) throws(SocketError) -> DatagramSequence {
        let receiver = DatagramReceiver(self, limit: limit)
        return DatagramSequence(
            base: try bindDatagrams(on: address, options: options, handler: receiver), receiver: receiver)
    }
}

/// Datagrams that have come and were not asked for yet.
private final class DatagramReceiver: Suspension, DatagramHandler {
    private unowned let loop: EventLoop
    private let limit: Int
    private var waiting: [Datagram] = []
    private var isOver = false
    private(set) var dropped = 0

    init(_ loop: EventLoop, limit: Int) {
        self.loop = loop
        self.limit = max(1, limit)
    }

    func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        take(bytes, peer, false, socket)
    }

    func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        take(bytes, peer, true, socket)
    }

    func closed(_ socket: DatagramSocket, error: SocketError?) {
        isOver = true
        loop.executor.resume(self)
    }

    private func take(_ bytes: RawSpan, _ peer: SocketAddress, _ isTruncated: Bool, _ socket: DatagramSocket) {
        if waiting.count == limit {
            dropped += 1
            return
        }
        waiting.append(
            Datagram(bytes: Array(bytes), peer: peer, local: socket.arrivalAddress, isTruncated: isTruncated))
        loop.executor.resume(self)
    }

    nonisolated(nonsending) func next() async throws(WaitError) -> Datagram? {
        while waiting.isEmpty {
            if isOver { return nil }
            await loop.waitCancellably(self)
            if wasCancelled { throw .cancelled }
        }
        return waiting.removeFirst()
    }
}
