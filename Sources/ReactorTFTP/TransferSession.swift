// Drives one half of a transfer on a socket, and thereby a port, of its own (RFC 1350, 4). The state machine decides;
// this class carries packets and sets the timer. SendingSession and ReceivingSession handle the file.
//
//     begin --packet, time, bytes of the file--> machine --packets--> socket
//           --machine is over--> the socket is closed, `ended` is called

import Reactor

/// A transfer on its socket. Subclasses provide the machine and the file.
class TransferSession: DatagramHandler {
    /// The most replies to datagrams from other addresses, so that forged ones cannot use this port as a reflector.
    private static let mostRepliesToUnknownSources = 8
    /// The bytes that every session can receive: a block of the default size, or an error with its message.
    private static let smallestDatagram = 516

    let loop: EventLoop
    /// The state machine. Call it through ``update(_:)``, which performs its output.
    let machine: any TransferMachine
    /// The peer. A client knows only the host until the server has replied from its port of the transfer.
    private(set) var peer: SocketAddress
    private var knowsPort: Bool
    private var socket: DatagramSocket?
    private var timer: LoopTimer?
    private var timerTime = MonotonicTime.never
    private var repliesToUnknownSources = 0
    /// The last error of the socket, if any; it explains a silent peer.
    private(set) var sendError: SocketError?
    /// Called once when the transfer has ended, lingering included.
    private let ended: (TransferSession) -> Void
    /// Called when the state of the machine has changed.
    var stateChanged: (TransferSession) -> Void = { _ in }
    private var lastState = TransferState.opening

    init(
        _ machine: any TransferMachine, with peer: SocketAddress, knowsPort: Bool, on loop: EventLoop,
        ended: @escaping (TransferSession) -> Void
    ) {
        (self.machine, self.loop, self.ended) = (machine, loop, ended)
        (self.peer, self.knowsPort) = (peer, knowsPort)
    }

    // MARK: For subclasses

    /// Moves bytes between the machine and the file.
    func moveBytes() {}
    /// Closes or discards the file: the transfer is over.
    func closeFile() {}

    // MARK: Beginning and ending

    /// Opens the socket and sends the first packet.
    ///
    /// - Parameters:
    ///   - local: the local address, with port 0.
    ///   - terms: the largest possible blocks and windows.
    ///   - sendsBlocks: whether this side sends the blocks rather than receives them.
    /// - Throws: ``SocketError`` if the socket cannot be opened.
    func begin(on local: SocketAddress, _ terms: TFTPTerms, sendsBlocks: Bool) throws(SocketError) {
        let (window, blockSize) = (terms.windowSize, terms.blockSize + TFTPPacket.headerSize)
        var options = DatagramOptions()
        // A transfer has one peer, limits its replies to others itself, and ends on its own.
        options.replies = .unlimited
        options.datagramSize = max(Self.smallestDatagram, sendsBlocks ? 0 : blockSize)
        options.batchSize = min(max(4, window), 64)
        options.queuedDatagrams = min(window + 8, 1024)
        if sendsBlocks { options.queuedBytes = (window + 8) * blockSize }
        // A whole window arrives in one burst, and the kernel accounts for more than its bytes.
        if window > 1 && !sendsBlocks { options.receiveBuffer = max(256 * 1024, 2 * window * (blockSize + 512)) }
        socket = try loop.bindDatagrams(on: local, options: options, handler: self)
        update { machine.begin(at: loop.now) }
    }

    /// The local address; `nil` before the session has begun.
    var address: SocketAddress? { socket?.address }

    /// Whether the socket is open.
    var isOpen: Bool { socket?.isClosed == false }

    /// Ends the transfer and sends the peer an error.
    func cancel(_ error: TFTPError) { update { machine.failLocally(error) } }

    /// Ends the transfer at once, without an error to the peer.
    func drop() { socket?.close() }

    // MARK: The machine

    /// Runs the machine and performs its output: packets, the state change, the timer.
    final func update(_ action: () -> Void) {
        guard let socket, !socket.isClosed else { return }
        action()
        moveBytes()
        for packet in machine.outgoing { socket.send(packet, to: peer) }
        machine.outgoing.removeAll(keepingCapacity: true)
        if machine.state != lastState {
            lastState = machine.state
            stateChanged(self)
        }
        if machine.state.isOver { socket.close() } else { arm(for: machine.deadline) }
    }

    /// Sets the timer. One that fires too early is left in place: most deadlines move before they are reached.
    private func arm(for deadline: MonotonicTime) {
        guard deadline < timerTime else { return }
        if let timer { loop.cancel(timer) }
        timerTime = deadline
        timer = loop.schedule(after: loop.now.duration(to: deadline)) { [unowned self] in
            (timer, timerTime) = (nil, .never)
            update { machine.deadlineReached(at: loop.now) }
        }
    }

    // MARK: The socket

    func received(_ bytes: RawSpan, from source: SocketAddress, on socket: DatagramSocket) {
        guard isPeer(source) else { return reply(stranger: source, bytes, on: socket) }
        let packet: TFTPPacket
        do throws(TFTPError) {
            packet = try TFTPPacket(bytes)
        } catch {
            // Only a valid packet establishes the peer's port.
            if knowsPort { update { machine.fail(error) } }
            return
        }
        (peer, knowsPort) = (source, true)
        update { machine.received(packet, at: loop.now) }
    }

    func receivedTruncated(_ bytes: RawSpan, from source: SocketAddress, on socket: DatagramSocket) {
        guard isPeer(source) else { return reply(stranger: source, bytes, on: socket) }
        update { machine.fail(.illegal("the packet exceeds the negotiated block size")) }
    }

    private func isPeer(_ source: SocketAddress) -> Bool {
        if knowsPort { return source == peer }
        var host = source
        host.port = peer.port
        return host == peer
    }

    /// Sends error 5 to another sender; the transfer continues (RFC 1350, 4). Errors get no reply.
    private func reply(stranger source: SocketAddress, _ bytes: RawSpan, on socket: DatagramSocket) {
        guard repliesToUnknownSources < Self.mostRepliesToUnknownSources, let packet = try? TFTPPacket(bytes) else {
            return
        }
        if case .error = packet { return }
        repliesToUnknownSources += 1
        let error = TFTPError(.unknownTransfer, "this port belongs to another transfer")
        socket.send(TFTPPacket.error(error).bytes, to: source)
    }

    /// Handles a socket error: permanent ones end the transfer, others are left to retransmission.
    func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) {
        if let peer, !isPeer(peer) { return }
        sendError = error
        let isFinal: Bool =
            switch error.errno {
            case .messageTooLong: true
            case .networkUnreachable, .permissionDenied, .addressFamilyNotSupported, .invalidArgument:
                !knowsPort && machine.state == .opening
            default: false
            }
        guard isFinal else { return }
        update { machine.fail(TFTPError(.undefined, "packets cannot be sent"), because: .unsent("\(error)")) }
    }

    func closed(_ socket: DatagramSocket, error: SocketError?) {
        if let timer { loop.cancel(timer) }
        timer = nil
        closeFile()
        ended(self)
    }
}
