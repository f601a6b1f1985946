// A TFTP server: it takes requests on one port and begins a transfer on another for each, within limits. It owns the
// transfers; what they send and when is their machines' concern, and whose files they are is the store's.
//
//     request --refused--> ERROR, and nothing is kept
//             --taken----> transferring --over--> told, counted
//                             +--file is complete--> lingering: counts no more, but the last acknowledgement can be had

public import Reactor
import ServedFiles

/// Serves files by TFTP (RFC 1350, 2347, 2348, 2349, 7440).
public final class TFTPServer: DatagramHandler {
    private struct Transfer {
        let session: TransferSession
        let request: TFTPRequest
        let isWrite: Bool
        let start: MonotonicTime
        /// Over, but for its last acknowledgement.
        var isLingering = false
    }

    private let loop: EventLoop
    private let store: any TFTPStore
    private let limits: TFTPLimits
    private var sockets: [DatagramSocket] = []
    private var transfers: [SocketAddress: Transfer] = [:]
    private var lingering: [SocketAddress] = []
    private var counts: [UInt64: Int] = [:]
    private var isDraining = false
    private var drained: () -> Void = {}
    /// What it has counted.
    public private(set) var statistics = TFTPStatistics()
    /// Told of every transfer that is over.
    public var transferEnded: (TransferReport) -> Void = { _ in }

    /// A server of these files; it serves when ``start(on:)`` was called.
    public init(_ store: any TFTPStore, limits: TFTPLimits = TFTPLimits(), on loop: EventLoop) {
        (self.store, self.limits, self.loop) = (store, limits, loop)
    }

    /// Takes requests.
    ///
    /// - Returns: Where.
    /// - Throws: ``SocketError`` that names the address.
    public func start(on address: SocketAddress) throws(SocketError) -> SocketAddress {
        let socket = try loop.bindDatagrams(on: address, options: Self.options, handler: self)
        sockets.append(socket)
        return socket.address
    }

    /// Takes requests on a socket that the process was started with.
    ///
    /// - Throws: ``SocketError`` that names the socket.
    public func start(on socket: InheritedSocket) throws(SocketError) {
        sockets.append(try loop.adoptDatagrams(socket, options: Self.options, handler: self))
    }

    /// Errors are the only answers from the port of requests, and no errors are sent to errors. A client may have any port
    /// but this server's own.
    private static let options: DatagramOptions = {
        var options = DatagramOptions()
        options.answers.refusesReflectingPorts = false
        options.answers.perSecond = 1000
        return options
    }()

    /// How many transfers are under way.
    public var transferCount: Int { transfers.count - lingering.count }

    /// Takes no more requests, and lets the transfers end; those that have not when the time is over are ended.
    ///
    /// - Parameter done: told once.
    public func drain(within time: Duration, done: @escaping () -> Void) {
        if isDraining { return }
        isDraining = true
        for socket in sockets { socket.close() }
        drained = done
        loop.schedule(after: time) { [weak self] in
            for transfer in self?.transfers.values.map(\.session) ?? [] {
                transfer.cancel(TFTPError(.undefined, "this server ends"))
            }
            self?.finishDraining()
        }
        endDrainIfIdle()
    }

    private func endDrainIfIdle() {
        if isDraining && transferCount == 0 { finishDraining() }
    }

    private func finishDraining() {
        let done = drained
        drained = {}
        loop.execute(done)  // when the last sockets have been closed
    }

    // MARK: Requests

    /// A datagram to the port of requests.
    public func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        // In this server's own name: the transfer would be one with itself.
        if peer.port == socket.address.port {
            statistics.useless += 1
            return
        }
        do throws(TFTPError) {
            switch try TFTPPacket(bytes) {
            case .read(let request): try begin(request, isWrite: false, from: peer, on: socket)
            case .write(let request): try begin(request, isWrite: true, from: peer, on: socket)
            case .error: statistics.useless += 1  // never answered with an error
            case .data, .acknowledgement, .optionAcknowledgement:
                statistics.useless += 1
                refuse(TFTPError(.unknownTransfer, "no transfer has this port"), peer, on: socket)
            }
        } catch {
            statistics.refused += 1
            refuse(error, peer, on: socket)
        }
    }

    /// A datagram that is longer than any request.
    public func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        if peer.port == socket.address.port {
            statistics.useless += 1
            return
        }
        statistics.refused += 1
        refuse(.illegal("this request is too long"), peer, on: socket)
    }

    private func refuse(_ error: TFTPError, _ peer: SocketAddress, on socket: DatagramSocket) {
        socket.send(TFTPPacket.error(error).bytes, to: peer)
    }

    private func begin(_ request: TFTPRequest, isWrite: Bool, from peer: SocketAddress, on socket: DatagramSocket)
        throws(TFTPError)
    {
        if let former = transfers[peer] {
            // The same once more: the network has doubled it, or our answer is late. The transfer itself repeats that, as
            // long as it may.
            let isSame = former.request == request && former.isWrite == isWrite
            if isSame && !former.isLingering && !former.session.machine.isSpent { return }
            former.session.drop()
            forget(peer)
        }
        try makeRoom(for: peer)
        let session = try session(for: request, isWrite: isWrite, with: peer)
        // Of all addresses the one that was asked: a client takes packets from there only.
        var local = socket.arrivalAddress ?? socket.address
        local.port = 0
        do throws(SocketError) {
            try session.begin(on: local, session.machine.terms, sendsBlocks: !isWrite)
        } catch {
            session.closeFile()
            throw .busy
        }
        guard session.isOpen else { return }
        transfers[peer] = Transfer(session: session, request: request, isWrite: isWrite, start: loop.now)
        if let key = peer.limitKey { counts[key, default: 0] += 1 }
        if isWrite { watchRate(of: session, since: loop.now, at: loop.now.advanced(by: limits.writeRate.grace)) }
    }

    /// Ends a transfer that keeps its place with a block now and then.
    private func watchRate(of session: TransferSession, since start: MonotonicTime, at time: MonotonicTime) {
        loop.schedule(after: loop.now.duration(to: time)) { [weak self, weak session] in
            guard let self, let session, session.isOpen, session.machine.state == .transferring else { return }
            var clock = UploadClock(limits.writeRate, at: start)
            clock.received(session.machine.statistics.bytes)
            if clock.deadline > loop.now { return watchRate(of: session, since: start, at: clock.deadline) }
            session.cancel(TFTPError(.undefined, "this transfer is too slow"))
        }
    }

    /// The three packets of an adaptive timer: after 0, 1 and 3 s, and 4 s more.
    private static let unansweredTime = Duration.seconds(7)

    private func makeRoom(for peer: SocketAddress) throws(TFTPError) {
        if let key = peer.limitKey, counts[key, default: 0] >= limits.transfersPerAddress,
            !dropUnanswered(where: { $0.limitKey == key })
        {
            throw TFTPError(.undefined, "too many transfers of this address; try again later")
        }
        if transferCount >= limits.transfers && !dropUnanswered(where: { _ in true }) {
            throw TFTPError(.undefined, "too many transfers; try again later")
        }
        // Those that only linger make room.
        if transfers.count >= 2 * limits.transfers, let oldest = lingering.first {
            transfers[oldest]?.session.drop()
            forget(oldest)
        }
    }

    /// A client that has not answered once may not be there: its transfer makes room for another one as soon as three
    /// packets would have been sent to it in vain.
    private func dropUnanswered(where isMeant: (SocketAddress) -> Bool) -> Bool {
        let unanswered = transfers.first { peer, transfer in
            transfer.session.machine.state == .opening && isMeant(peer)
                && transfer.start.duration(to: loop.now) >= min(Self.unansweredTime, limits.patience)
        }
        guard let (peer, transfer) = unanswered else { return false }
        transfer.session.cancel(TFTPError(.undefined, "no answer for too long"))
        forget(peer)
        return true
    }

    private func session(for request: TFTPRequest, isWrite: Bool, with peer: SocketAddress) throws(TFTPError)
        -> TransferSession
    {
        let bounds = TFTPTerms.Bounds(blockSize: limits.blockSize, windowSize: limits.windowSize)
        let session: TransferSession
        let ended: (TransferSession) -> Void = { [weak self] in self?.sessionEnded($0) }
        do throws(FileAccessError) {
            if isWrite {
                let (terms, answer) = TFTPTerms.granting(request.options, within: bounds, fileSize: nil, isWrite: true)
                if let size = terms.transferSize, size > limits.fileSize {
                    throw FileAccessError(.noSpace)
                }
                let receiver = TFTPReceiver(
                    .server(granting: answer, isWrite: true), terms: terms,
                    limits: TFTPReceiver.Limits(
                        patience: limits.patience, fileSize: limits.fileSize, comparesSize: request.mode == .octet,
                        linger: limits.linger))
                session = ReceivingSession(
                    try store.sink(request.name), request.mode, receiver, with: peer, knowsPort: true, on: loop,
                    ended: ended)
            } else {
                let (source, size) = try store.source(request.name)
                // How long a text is on its way is not known before it is.
                let (terms, answer) = TFTPTerms.granting(
                    request.options, within: bounds, fileSize: request.mode == .octet ? size : nil, isWrite: false)
                let sender = TFTPSender(
                    .server(granting: answer, isWrite: false), terms: terms, patience: limits.patience)
                session = SendingSession(
                    source, size: size, request.mode, sender, with: peer, knowsPort: true, on: loop, ended: ended)
            }
        } catch {
            throw TFTPError(error)
        }
        session.stateChanged = { [weak self] in self?.stateChanged($0) }
        return session
    }

    // MARK: Transfers

    private func stateChanged(_ session: TransferSession) {
        let state = session.machine.state
        guard state == .lingering || state.isOver, let transfer = transfers[session.peer],
            transfer.session === session, !transfer.isLingering
        else { return }
        release(session.peer)
        report(transfer)
        if state == .lingering {
            transfers[session.peer]?.isLingering = true
            lingering.append(session.peer)
        } else {
            transfers[session.peer] = nil
        }
        endDrainIfIdle()
    }

    /// Its socket is gone.
    private func sessionEnded(_ session: TransferSession) {
        guard let transfer = transfers[session.peer], transfer.session === session else { return }
        forget(session.peer)
        endDrainIfIdle()
    }

    /// A transfer counts no more.
    private func forget(_ peer: SocketAddress) {
        guard let transfer = transfers.removeValue(forKey: peer) else { return }
        if transfer.isLingering { lingering.removeAll { $0 == peer } } else { release(peer) }
    }

    private func release(_ peer: SocketAddress) {
        guard let key = peer.limitKey, let count = counts[key] else { return }
        counts[key] = count > 1 ? count - 1 : nil
    }

    private func report(_ transfer: Transfer) {
        let machine = transfer.session.machine
        var failure: TransferFailure?
        if case .failed(let reason) = machine.state { failure = reason }
        statistics.bytes += machine.statistics.bytes
        statistics.repeated += machine.statistics.repeated
        switch (failure, transfer.isWrite) {
        case (.some, _): statistics.failed += 1
        case (nil, true): statistics.written += 1
        case (nil, false): statistics.read += 1
        }
        transferEnded(
            TransferReport(
                peer: transfer.session.peer, name: PrintableText.sanitized(transfer.request.name),
                isWrite: transfer.isWrite, mode: transfer.request.mode, statistics: machine.statistics,
                duration: transfer.start.duration(to: loop.now), failure: failure))
    }
}
