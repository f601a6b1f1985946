// Datagrams as an async sequence.

/// A received datagram.
public struct Datagram: Sendable {
    /// The payload, which may be empty.
    public let bytes: [UInt8]
    /// The sender's address, which may be spoofed (RFC 2827).
    public let peer: SocketAddress
    /// The local address that the datagram was sent to, from which a reply has to leave; `nil` if the kernel did not
    /// report it.
    public let local: SocketAddress?
    /// Whether it was longer than ``DatagramOptions/datagramSize`` and was truncated.
    public let isTruncated: Bool
}

/// A UDP socket as a sequence of received datagrams.
///
/// Created by ``EventLoop/datagrams(on:options:keeping:)``.
///
///     let socket = try loop.datagrams(on: .loopback(port: 7788))
///     for try await datagram in socket { socket.answer(datagram, with: datagram.bytes) }
///
/// Close ``base`` when it is no longer needed; the end of the loop also closes it.
public struct DatagramSequence: AsyncSequence {
    /// The underlying socket, for sending and other operations.
    public let base: DatagramSocket
    fileprivate let receiver: DatagramReceiver

    /// The number of datagrams dropped because the task had not received earlier ones.
    public var dropped: Int { receiver.dropped }

    /// Replies to a datagram.
    ///
    /// The reply leaves from the address that the datagram was sent to, and is subject to the socket's
    /// ``ReplyLimits``.
    @discardableResult
    public func reply(_ datagram: Datagram, with bytes: [UInt8]) -> DatagramSendResult {
        // Safe: a UInt8 has no padding that would be uninitialized.
        unsafe base.reply(
            bytes.span.bytes, to: datagram.peer, from: datagram.local, question: datagram.bytes.span.bytes)
    }

    /// Receives one datagram after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let receiver: DatagramReceiver

        /// Returns the next datagram; `nil` when the socket is closed.
        ///
        /// - Throws: ``WaitError/Kind/cancelled``.
        public func next(isolation actor: isolated (any Actor)?) async throws(WaitError) -> Datagram? {
            try await receiver.next()
        }

        /// Returns the next datagram; `nil` when the socket is closed.
        ///
        /// - Throws: ``WaitError/Kind/cancelled``.
        public nonisolated(nonsending) func next() async throws(WaitError) -> Datagram? { try await receiver.next() }
    }

    /// Returns an iterator; datagrams that have already arrived come first.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(receiver: receiver) }
}

extension EventLoop {
    /// Binds a UDP socket and returns its datagrams as a sequence.
    ///
    /// Works like ``bindDatagrams(on:options:handler:)-(SocketAddress,_,_)``.
    ///
    /// - Parameters:
    ///   - address: the local address; port 0 lets the kernel choose.
    ///   - options: the socket's limits and options.
    ///   - limit: datagrams that may be queued for the task; further ones are dropped and counted. Default: 256.
    /// - Returns: The socket as a sequence.
    /// - Throws: ``SocketError`` that names the address.
    public func datagrams(
        on address: SocketAddress, options: DatagramOptions = DatagramOptions(), keeping limit: Int = 256
    ) throws(SocketError) -> DatagramSequence {
        let receiver = DatagramReceiver(self, limit: limit)
        return DatagramSequence(
            base: try bindDatagrams(on: address, options: options, handler: receiver), receiver: receiver)
    }
}

/// The queue of datagrams that the task has not received yet.
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
