// One half of a transfer on a socket of its own, which is what makes a port of its own for it (RFC 1350, 4): its machine
// decides, this carries packets and wakes it up. What is done with the file is in the two files beside this one.
//
//     begin --packet, time, bytes of the file--> machine --packets--> socket
//           --machine is over--> ended is told, the socket closed

import Reactor

/// A transfer on its socket. A subclass has the machine and the file.
class TransferSession: DatagramHandler {
    /// Datagrams of others that are answered; more are only ignored, or anybody could have packets sent to anyone.
    private static let mostAnswersToStrangers = 8
    /// Bytes that can always be received: blocks of those who agree on nothing, and the text of an error.
    private static let smallestDatagram = 516

    let loop: EventLoop
    /// What decides; asked through ``update(_:)``, which does what it wants.
    let machine: any TransferMachine
    /// The other side. A client knows only its host until the server has answered from a port of its own.
    private(set) var peer: SocketAddress
    private var knowsPort: Bool
    private var socket: DatagramSocket?
    private var timer: Timer?
    private var timerTime = MonotonicTime.never
    private var answersToStrangers = 0
    /// Why the system did not send what was last to be sent.
    private(set) var sendError: SocketError?
    /// Told once when nothing is left to do for the transfer, a lingering one's included.
    private let ended: (TransferSession) -> Void
    /// Told when the machine's state has changed.
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
    /// The transfer is over: the file is closed, or discarded.
    func closeFile() {}

    // MARK: Beginning and ending

    /// Opens the socket and sends the first packet.
    ///
    /// - Parameters:
    ///   - local: this side's address, with port 0.
    ///   - terms: the largest blocks and windows that there may be.
    ///   - sendsBlocks: whether they are sent; they arrive otherwise.
    func begin(on local: SocketAddress, _ terms: TFTPTerms, sendsBlocks: Bool) throws(SocketError) {
        let (window, blockSize) = (terms.windowSize, terms.blockSize + TFTPPacket.headerSize)
        var options = DatagramOptions()
        // A transfer has one peer, counts what it sends to others, and ends by itself.
        options.answers = .unlimited
        options.datagramSize = max(Self.smallestDatagram, sendsBlocks ? 0 : blockSize)
        options.batchSize = min(max(4, window), 64)
        options.queuedDatagrams = min(window + 8, 1024)
        if sendsBlocks { options.queuedBytes = (window + 8) * blockSize }
        // A window arrives at once, and the kernel counts more than its bytes.
        if window > 1 && !sendsBlocks { options.receiveBuffer = max(256 * 1024, 2 * window * (blockSize + 512)) }
        socket = try loop.bindDatagrams(on: local, options: options, handler: self)
        update { machine.begin(at: loop.now) }
    }

    /// Where this side is.
    var address: SocketAddress? { socket?.address }

    /// Whether it has a socket.
    var isOpen: Bool { socket?.isClosed == false }

    /// Ends the transfer, and tells the other side why.
    func cancel(_ error: TFTPError) { update { machine.failLocally(error) } }

    /// Ends at once without a word.
    func drop() { socket?.close() }

    // MARK: The machine

    /// Lets the machine do something, and does what it wants.
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

    /// The timer is left where it is when it fires too early: most deadlines move on before they come.
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
        guard isPeer(source) else { return answer(stranger: source, bytes, on: socket) }
        let packet: TFTPPacket
        do throws(TFTPError) {
            packet = try TFTPPacket(bytes)
        } catch {
            // A port is known from a packet that makes sense.
            if knowsPort { update { machine.fail(error) } }
            return
        }
        (peer, knowsPort) = (source, true)
        update { machine.received(packet, at: loop.now) }
    }

    func receivedTruncated(_ bytes: RawSpan, from source: SocketAddress, on socket: DatagramSocket) {
        guard isPeer(source) else { return answer(stranger: source, bytes, on: socket) }
        update { machine.fail(.illegal("this packet is longer than was agreed on")) }
    }

    private func isPeer(_ source: SocketAddress) -> Bool {
        if knowsPort { return source == peer }
        var host = source
        host.port = peer.port
        return host == peer
    }

    /// The transfer goes on, whoever that is (RFC 1350, 4). An error is never answered with an error.
    private func answer(stranger source: SocketAddress, _ bytes: RawSpan, on socket: DatagramSocket) {
        guard answersToStrangers < Self.mostAnswersToStrangers, let packet = try? TFTPPacket(bytes) else { return }
        if case .error = packet { return }
        answersToStrangers += 1
        let error = TFTPError(.unknownTransfer, "this port belongs to another transfer")
        socket.send(TFTPPacket.error(error).bytes, to: source)
    }

    /// What a moment's silence would not explain ends the transfer at once; the rest is sent again.
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
