// A restart without lost connections: the sockets are handed to a new process of the same program, and this one drains
// once the new one serves. In between, both serve from the same queues.
//
//     serving --startSuccessor--> handing over --successor ready--> reported; the caller drains
//        ^                             |
//        +--- failure, or a drain -----+   reported; nothing has changed

import SystemPackage

extension EventLoop {
    /// Starts this program again with `sockets` and the loop's admin socket.
    ///
    /// See ``ListeningServer/startSuccessor(arguments:within:_:)``.
    func startSuccessor(
        arguments: [String], sockets: [HandedSocket], within time: Duration,
        _ finished: @escaping (Result<Int32, SocketError>) -> Void
    ) throws(SocketError) {
        if isDraining || administration.handOver != nil {
            throw SocketError(
                .handOver, subject: "a successor",
                reason: isDraining ? "this server is draining" : "one is already starting")
        }
        var handed = sockets
        if let admin = administration.listener, admin.isRegistered {
            handed.append(HandedSocket(descriptor: admin.fd, name: nil, role: .administration))
        }
        let successor = try Successor.start(arguments: arguments, sockets: handed)
        administration.handOver = try HandOver(to: successor, on: self, within: time) { [unowned self] result in
            administration.handOver = nil
            if case .success = result { administration.listener?.leavePath() }
            finished(result)
        }
    }

    /// Starts this program again with datagram sockets; see ``ListeningServer/startSuccessor(arguments:within:_:)``.
    package func startSuccessor(
        arguments: [String], datagrams: [DatagramSocket], inheriting inheritance: Inheritance?,
        within time: Duration = .seconds(30), _ finished: @escaping (Result<Int32, SocketError>) -> Void
    ) throws(SocketError) {
        let handed = datagrams.compactMap(\.fileDescriptor).map { descriptor in
            let inherited = inheritance?.sockets.first { $0.descriptor == descriptor }
            return HandedSocket(descriptor: descriptor, name: inherited?.name, role: inherited?.role ?? .service)
        }
        try startSuccessor(arguments: arguments, sockets: handed, within: time, finished)
    }

    /// The loop's open datagram sockets.
    package var datagramSockets: [DatagramSocket] { registry.all().compactMap { $0 as? DatagramSocket } }

    /// Kills a successor that is not ready yet, because this process was asked to stop.
    package func abandonSuccessor() { administration.handOver?.fail("this server was asked to stop") }

    /// Notifies the predecessor that this process serves.
    package func beginService(_ inheritance: Inheritance?) {
        guard let inheritance else { return }
        inheritance.announceReady()
        if inheritance.administration != nil { administration.listener?.takePath() }
    }
}

/// A pending hand-over to a successor.
final class HandOver {
    private let loop: EventLoop
    private let successor: Successor
    private let finished: (Result<Int32, SocketError>) -> Void
    private var pipe: OwnedDescriptor?
    private var watch: DescriptorWatch?
    private var timer: LoopTimer?

    init(
        to successor: Successor, on loop: EventLoop, within time: Duration,
        _ finished: @escaping (Result<Int32, SocketError>) -> Void
    ) throws(SocketError) {
        self.loop = loop
        self.successor = successor
        self.finished = finished
        pipe = OwnedDescriptor(successor.readyPipe)
        do throws(SocketError) {
            watch = try loop.watch(successor.readyPipe, for: .readable) { [unowned self] _ in look() }
        } catch {
            abandon()
            throw error
        }
        timer = loop.schedule(after: time) { [unowned self] in fail("it was not ready within \(time)") }
    }

    private func look() {
        switch successor.outcome() {
        case .waiting: return
        case .ready: end(.success(successor.process))
        case .failed(let reason): fail(reason)
        }
    }

    /// Kills the successor and reports the reason in the next turn.
    func fail(_ reason: String) {
        successor.abandon()
        end(.failure(SocketError(.handOver, subject: "process \(successor.process)", reason: reason)))
    }

    private func end(_ result: Result<Int32, SocketError>) {
        release()
        loop.execute { [self] in finished(result) }
    }

    /// Kills the successor without reporting it.
    func abandon() {
        successor.abandon()
        release()
    }

    private func release() {
        watch?.cancel()
        if let timer { loop.cancel(timer) }
        pipe.take()?.close(loop.kernel)
    }
}
