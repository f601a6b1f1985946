// A listener with a backlog of a given length that accepts nothing for a while, and clients that connect to it, all on
// one loop. It uses system calls directly, because the framework's listener accepts at once. It owns all descriptors.
//
//     holding: connect, connect, ... --hold time--> accepting, one at a time --none waits--> over
//                                    +--closes----> closed: resets, refusals --none waits--> over
//         and from each of them, at the time limit ----------------------------------------> over
//
//     a connect:  began --> connected --accept--> accepted
//                   |--no reply--> hanging --a retransmitted SYN finds room--> connected
//                   |--EAGAIN (Unix)--> turned away --retried after an accept--> connected
//                   +--any error--> refused          connected --the listener closes--> reset

package import Reactor
package import SystemPackage

/// An experiment that fills the accept queue of a listener and reports each event.
package final class BacklogExperiment {
    /// How long a connect may be pending before it counts as hanging: a loopback handshake takes microseconds.
    private static let grace = Duration.milliseconds(20)
    /// The pause after the last connect, unless the plan has a hold time.
    private static let pauseBeforeAccepting = Duration.milliseconds(500)

    private let loop: EventLoop
    private let plan: BacklogPlan
    /// Returns the length of a listener's accept queue; `nil` if the kernel does not report it.
    private let queueLength: (FileDescriptor) -> Int?
    private let happened: (BacklogEvent) -> Void
    private var ended: ((Result<BacklogOutcome, SocketError>) -> Void)?

    private var listener: OwnedDescriptor?
    /// The address that the listener is bound to.
    package private(set) var address: SocketAddress
    private var start = MonotonicTime(nanoseconds: 0)
    private var isHolding = true
    private var connects: [BacklogConnect] = []
    private var timers: [LoopTimer] = []
    private var outcome = BacklogOutcome()

    /// Creates an experiment on a loop.
    ///
    /// - Parameters:
    ///   - plan: what to do, and when.
    ///   - loop: the loop that runs it.
    ///   - queueLength: returns the length of a listener's accept queue; if it returns `nil`, established connections
    ///     that are not accepted yet are counted instead.
    ///   - happened: called for each event.
    ///   - ended: called once, after all descriptors are closed.
    package init(
        _ plan: BacklogPlan, on loop: EventLoop, queueLength: @escaping (FileDescriptor) -> Int? = { _ in nil },
        happened: @escaping (BacklogEvent) -> Void, ended: @escaping (Result<BacklogOutcome, SocketError>) -> Void
    ) {
        self.plan = plan
        self.loop = loop
        self.queueLength = queueLength
        self.happened = happened
        self.ended = ended
        address = plan.address
    }

    /// Listens, and starts to connect in the next turn of the loop.
    ///
    /// - Throws: `SocketError` if the listener cannot be opened.
    package func begin() throws(SocketError) {
        let made = loop.kernel.socket(.stream, for: address)
        if let errno = made.errno { throw SocketError(.open, subject: "\(address)", errno: errno) }
        listener = OwnedDescriptor(made.descriptor)
        for result in [
            loop.kernel.bind(made.descriptor, to: plan.address),
            loop.kernel.listen(made.descriptor, backlog: plan.backlog),
            loop.kernel.localAddress(of: made.descriptor, &address),
        ] {
            guard let errno = result.errno else { continue }
            listener.take()?.close(loop.kernel)
            throw SocketError(.listen, subject: "\(plan.address)", errno: errno)
        }
        start = loop.kernel.now()
        timers = [
            loop.schedule(after: .zero, repeating: plan.connectPause) { [self] in connectNext() },
            loop.schedule(after: plan.limit) { [self] in finish() },
        ]
        if let holdTime = plan.holdTime { timers.append(loop.schedule(after: holdTime) { [self] in endHolding() }) }
    }

    // MARK: The clients

    private func connectNext() {
        guard connects.count < plan.connects else { return }
        let made = loop.kernel.socket(.stream, for: address)
        if let errno = made.errno { return fail(SocketError(.open, subject: "\(address)", errno: errno)) }
        let connect = BacklogConnect(connects.count + 1, OwnedDescriptor(made.descriptor), began: loop.kernel.now())
        connects.append(connect)
        begin(connect)
        if connects.count == plan.connects {
            loop.cancel(timers[0])
            if plan.holdTime == nil {
                timers.append(loop.schedule(after: Self.pauseBeforeAccepting) { [self] in endHolding() })
            }
        }
        finishIfNoneWaits()
    }

    private func begin(_ connect: BacklogConnect) {
        guard let name = connect.name else { return }
        switch ask(name) {
        case nil, .socketIsConnected?: settle(connect, .connected)
        case .nowInProgress?, .alreadyInProcess?:
            // A loopback handshake has completed by now if the queue has room.
            askHowItWent(connect, name)
            if connect.state == .began { wait(for: connect, name) }
        case .resourceTemporarilyUnavailable? where address.isUnix: settle(connect, .turnedAway, "EAGAIN")
        case let errno?: settle(connect, .refused, "\(errno)")
        }
    }

    private func wait(for connect: BacklogConnect, _ name: FileDescriptor) {
        do throws(SocketError) {
            connect.watch = try loop.watch(name, for: .writable) { [self] _ in askHowItWent(connect, name) }
        } catch {
            return fail(error)
        }
        timers.append(
            loop.schedule(after: Self.grace) { [self] in
                // On a busy machine the result may be available although its event has not been dispatched yet.
                if connect.state == .began { askHowItWent(connect, name) }
                if connect.state == .began { report(connect, .hanging) }
            })
    }

    /// Queries the progress by calling connect(2) again: `EALREADY` means that it is still pending.
    private func askHowItWent(_ connect: BacklogConnect, _ name: FileDescriptor) {
        switch ask(name) {
        case nil, .socketIsConnected?: settle(connect, .connected)
        case .alreadyInProcess?, .nowInProgress?: break
        case let errno?: settle(connect, .refused, "\(errno)")
        }
    }

    /// Calls connect(2). An interrupted attempt continues in the background, and the next call returns its state.
    private func ask(_ name: FileDescriptor) -> Errno? {
        var result = loop.kernel.connect(name, to: address)
        while result.wasInterrupted { result = loop.kernel.connect(name, to: address) }
        return result.errno
    }

    private func settle(_ connect: BacklogConnect, _ kind: BacklogEvent.Kind, _ reason: String? = nil) {
        connect.stopWatching()
        if kind == .connected, let name = connect.name { _ = loop.kernel.localAddress(of: name, &connect.local) }
        report(connect, kind, reason)
        if kind == .refused { outcome.refused += 1 }
        if listener == nil && kind == .connected { watchForReset(connect) }
        finishIfNoneWaits()
    }

    // MARK: The listener

    private func endHolding() {
        isHolding = false
        outcome.connectedWhileHeld = connects.count { $0.state == .connected }
        outcome.waitingWhileHeld = connects.count { $0.state.isWaiting }
        if plan.closes { return closeListener() }
        timers.append(loop.schedule(after: .zero, repeating: plan.acceptPause) { [self] in acceptOne() })
    }

    private func acceptOne() {
        guard let name = listener?.fd else { return }
        var peer = SocketAddress.unspecified
        let result = loop.kernel.accept(name, peer: &peer)
        guard result.succeeded else {
            // The queue is empty, the call was interrupted, or the peer has gone: the timer retries.
            let isOurs = [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory].contains(result.errno)
            if isOurs, let errno = result.errno { fail(SocketError(.accept, subject: "\(address)", errno: errno)) }
            return
        }
        // A Unix client has no address; the queue is first in, first out.
        guard
            let connect = connects.first(where: {
                $0.state != .accepted && (address.isUnix ? $0.state == .connected : $0.local == peer)
            })
        else {
            // An unrelated client that found the port.
            OwnedDescriptor(result.descriptor).close(loop.kernel)
            return
        }
        connect.accepted = OwnedDescriptor(result.descriptor)
        outcome.accepted += 1
        report(connect, .accepted)
        // The kernel retransmits a SYN by itself; a connect that failed with EAGAIN has to be retried here.
        if let first = connects.first(where: { $0.state == .turnedAway }) { begin(first) }
        finishIfNoneWaits()
    }

    private func closeListener() {
        listener.take()?.close(loop.kernel)
        note(.closed, 0, waited: 0)
        for connect in connects where connect.state == .connected { watchForReset(connect) }
        finishIfNoneWaits()
    }

    private func watchForReset(_ connect: BacklogConnect) {
        guard let name = connect.name else { return }
        do throws(SocketError) {
            connect.watch = try loop.watch(name, for: .readable) { [self] _ in
                var bytes = [UInt8](repeating: 0, count: 1)
                var span = bytes.mutableSpan
                // Safe: a byte has no padding, and the kernel writes no more than the span holds.
                let result = unsafe loop.kernel.receive(name, into: span.mutableBytes)
                if result.wouldBlock || result.wasInterrupted { return }
                connect.stopWatching()
                outcome.reset += 1
                report(connect, .reset, result.errno.map { "\($0)" } ?? "end of the stream")
                finishIfNoneWaits()
            }
        } catch {
            fail(error)
        }
    }

    // MARK: Reporting

    private func report(_ connect: BacklogConnect, _ kind: BacklogEvent.Kind, _ reason: String? = nil) {
        connect.state = kind
        note(kind, connect.number, waited: connect.began.duration(to: loop.kernel.now()).inMilliseconds, reason)
    }

    private func note(_ kind: BacklogEvent.Kind, _ number: Int, waited: Double, _ reason: String? = nil) {
        let connected = connects.count { $0.state == .connected }
        let name = listener?.fd
        let queue = name.map { queueLength($0) ?? connected }
        happened(
            BacklogEvent(
                kind: kind, connect: number, milliseconds: start.duration(to: loop.kernel.now()).inMilliseconds,
                waited: waited, reason: reason, queue: queue,
                onlyClient: max(0, connected - (queue ?? connected)),
                hanging: connects.filter { $0.state == .hanging }.map(\.number)))
    }

    // MARK: The end

    private func finishIfNoneWaits() {
        guard connects.count == plan.connects, !isHolding else { return }
        let waits = connects.contains {
            $0.state.isWaiting && !(plan.closes && $0.state == .turnedAway) || $0.state == .connected
        }
        if !waits { finish() }
    }

    private func finish() {
        outcome.unfinished = connects.count { $0.state.isWaiting || $0.state == .connected }
        conclude(.success(outcome))
    }

    private func fail(_ error: SocketError) { conclude(.failure(error)) }

    /// Ends the experiment without a result, even after its loop has ended. Does nothing after the end.
    package func cancel() {
        guard ended.take() != nil else { return }
        closeAll()
    }

    private func conclude(_ result: Result<BacklogOutcome, SocketError>) {
        guard let ended = ended.take() else { return }
        closeAll()
        ended(result)
    }

    private func closeAll() {
        for timer in timers { loop.cancel(timer) }
        listener.take()?.close(loop.kernel)
        for connect in connects { connect.close(loop.kernel) }
    }
}

extension Duration {
    fileprivate var inMilliseconds: Double {
        Double(components.seconds) * 1e3 + Double(components.attoseconds / 1_000_000_000_000) / 1e3
    }
}
