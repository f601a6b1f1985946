// A TFTP server: receives requests on one port and runs each transfer on a port of its own, within limits. It owns the
// transfers; their state machines decide what is sent, and the store provides the files.
//
//     request --refused---> ERROR, no state
//             --accepted--> transferring --ended--> reported, counted
//                             +--file complete--> lingering: no longer counted, repeats the last acknowledgement

public import Reactor
import ServedFiles

/// A TFTP server (RFC 1350, 2347, 2348, 2349, 7440).
///
///     let server = TFTPServer(DirectoryTransferStore(try ServedDirectory("/srv/tftp")), on: loop)
///     let address = try server.start(on: SocketAddress("127.0.0.1:6969"))
///
/// Use it on its loop's thread. Files are opened on that thread, and read and written by the loop's workers.
public final class TFTPServer: DatagramHandler {
    private struct Transfer {
        let session: TransferSession
        let request: TFTPRequest
        let isWrite: Bool
        let start: MonotonicTime
        /// Whether the transfer has ended and only repeats its last acknowledgement.
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
    /// The counters. A transfer is added when it ends.
    public private(set) var statistics = TFTPStatistics()
    /// Called once for each transfer that has ended, on the loop's thread. Default: does nothing.
    ///
    /// A transfer that a new request from the same port replaces is not reported.
    public var transferEnded: (TransferReport) -> Void = { _ in }

    /// Creates a server, which serves once ``start(on:)-(SocketAddress)`` was called.
    ///
    /// - Parameters:
    ///   - store: the files.
    ///   - limits: the limits. Default: see ``TFTPLimits``.
    ///   - loop: the loop that runs all transfers.
    public init(_ store: any TFTPStore, limits: TFTPLimits = TFTPLimits(), on loop: EventLoop) {
        (self.store, self.limits, self.loop) = (store, limits, loop)
    }

    /// Starts to serve on an address. Call it again to serve on several.
    ///
    /// - Parameter address: the address; with port 0, the kernel chooses the port.
    /// - Returns: The bound address.
    /// - Throws: ``SocketError`` that names the address: in use, not permitted (ports below 1,024), no such address.
    public func start(on address: SocketAddress) throws(SocketError) -> SocketAddress {
        let socket = try loop.bindDatagrams(on: address, options: Self.options, handler: self)
        sockets.append(socket)
        return socket.address
    }

    /// Starts to serve on a socket that the process inherited, as from systemd (sd_listen_fds(3)).
    ///
    /// - Parameter socket: the inherited datagram socket.
    /// - Throws: ``SocketError`` that names the socket.
    public func start(on socket: InheritedSocket) throws(SocketError) {
        sockets.append(try loop.adoptDatagrams(socket, options: Self.options, handler: self))
    }

    /// The request port sends only errors, and never in reply to errors. Clients may use any port but this server's
    /// own.
    private static let options: DatagramOptions = {
        var options = DatagramOptions()
        options.replies.refusesReflectingPorts = false
        options.replies.perSecond = 1000
        return options
    }()

    /// The number of transfers in progress, without lingering ones.
    public var transferCount: Int { transfers.count - lingering.count }

    /// Stops taking requests and lets transfers finish. Those that are left at the deadline are ended with an error.
    ///
    /// Later calls do nothing, and their `done` is not called.
    ///
    /// - Parameters:
    ///   - time: the time until the deadline.
    ///   - done: called once on the loop's thread, when no transfer is in progress. Lingering ones do not delay it.
    public func drain(within time: Duration, done: @escaping () -> Void) {
        if isDraining { return }
        isDraining = true
        for socket in sockets { socket.close() }
        drained = done
        loop.schedule(after: time) { [weak self] in
            for transfer in self?.transfers.values.map(\.session) ?? [] {
                transfer.cancel(TFTPError(.undefined, "the server is shutting down"))
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
        loop.execute(done)  // after the last sockets were closed
    }

    // MARK: Requests

    /// Handles a datagram to the request port.
    public func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        // From this server's own port, forged: the server would start a transfer with itself.
        if peer.port == socket.address.port {
            statistics.useless += 1
            return
        }
        do throws(TFTPError) {
            switch try TFTPPacket(bytes) {
            case .read(let request): try begin(request, isWrite: false, from: peer, on: socket)
            case .write(let request): try begin(request, isWrite: true, from: peer, on: socket)
            case .error: statistics.useless += 1  // errors get no reply
            case .data, .acknowledgement, .optionAcknowledgement:
                statistics.useless += 1
                refuse(TFTPError(.unknownTransfer, "no transfer uses this port"), peer, on: socket)
            }
        } catch {
            statistics.refused += 1
            refuse(error, peer, on: socket)
        }
    }

    /// Handles a datagram that is longer than any request.
    public func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        if peer.port == socket.address.port {
            statistics.useless += 1
            return
        }
        statistics.refused += 1
        refuse(.illegal("the request is too long"), peer, on: socket)
    }

    private func refuse(_ error: TFTPError, _ peer: SocketAddress, on socket: DatagramSocket) {
        socket.send(TFTPPacket.error(error).bytes, to: peer)
    }

    private func begin(_ request: TFTPRequest, isWrite: Bool, from peer: SocketAddress, on socket: DatagramSocket)
        throws(TFTPError)
    {
        if let former = transfers[peer] {
            // The same once more: the network has doubled it, or our reply is late. The transfer itself repeats that, as
            // long as it may.
            let isSame = former.request == request && former.isWrite == isWrite
            if isSame && !former.isLingering && !former.session.machine.isSpent { return }
            former.session.drop()
            forget(peer)
        }
        try makeRoom(for: peer)
        let session = try session(for: request, isWrite: isWrite, with: peer)
        // Replies come from the address that received the request: a client accepts packets from there only.
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

    /// Ends a transfer that falls below the minimum rate.
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
    private static let unacknowledgedTime = Duration.seconds(7)

    private func makeRoom(for peer: SocketAddress) throws(TFTPError) {
        if let key = peer.limitKey, counts[key, default: 0] >= limits.transfersPerAddress,
            !dropUnacknowledged(where: { $0.limitKey == key })
        {
            throw TFTPError(.undefined, "too many transfers from this address; try again later")
        }
        if transferCount >= limits.transfers && !dropUnacknowledged(where: { _ in true }) {
            throw TFTPError(.undefined, "too many transfers; try again later")
        }
        // Lingering transfers make room.
        if transfers.count >= 2 * limits.transfers, let oldest = lingering.first {
            transfers[oldest]?.session.drop()
            forget(oldest)
        }
    }

    /// A client that has not replied once may not be there: its transfer makes room for another one as soon as three
    /// packets would have been sent to it in vain.
    private func dropUnacknowledged(where isMeant: (SocketAddress) -> Bool) -> Bool {
        let silent = transfers.first { peer, transfer in
            transfer.session.machine.state == .opening && isMeant(peer)
                && transfer.start.duration(to: loop.now) >= min(Self.unacknowledgedTime, limits.patience)
        }
        guard let (peer, transfer) = silent else { return false }
        transfer.session.cancel(TFTPError(.undefined, "no reply in time"))
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
                let (terms, reply) = TFTPTerms.granting(request.options, within: bounds, fileSize: nil, isWrite: true)
                if let size = terms.transferSize, size > limits.fileSize {
                    throw FileAccessError(.noSpace)
                }
                let receiver = TFTPReceiver(
                    .server(granting: reply, isWrite: true), terms: terms,
                    limits: TFTPReceiver.Limits(
                        patience: limits.patience, fileSize: limits.fileSize, comparesSize: request.mode == .octet,
                        linger: limits.linger))
                session = ReceivingSession(
                    try store.sink(request.name), request.mode, receiver, with: peer, knowsPort: true, on: loop,
                    ended: ended)
            } else {
                let (source, size) = try store.source(request.name)
                // The length of netascii text on the wire is unknown in advance.
                let (terms, reply) = TFTPTerms.granting(
                    request.options, within: bounds, fileSize: request.mode == .octet ? size : nil, isWrite: false)
                let sender = TFTPSender(
                    .server(granting: reply, isWrite: false), terms: terms, patience: limits.patience)
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

    /// Forgets a transfer whose socket was closed.
    private func sessionEnded(_ session: TransferSession) {
        guard let transfer = transfers[session.peer], transfer.session === session else { return }
        forget(session.peer)
        endDrainIfIdle()
    }

    /// Removes a transfer, which no longer counts towards the limits.
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
