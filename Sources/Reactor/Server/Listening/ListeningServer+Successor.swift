// A restart that loses no connection attempt: the listening sockets are handed to a new process of the same program, and
// this one drains when the new one serves. In between both accept, from the same queues.
//
//     serving --startSuccessor--> handing over --it serves--> told; the caller drains
//        ^                             |
//        +------ it fails -------------+   told; nothing has changed

import SystemPackage

extension ListeningServer {
    /// Starts this program once more, with the listening sockets (`LISTEN_FDS`, sd_listen_fds(3)), and waits until it
    /// serves. On the first loop's thread, while the server runs.
    ///
    /// The new process takes the sockets with ``Inheritance/take()``, and says that it serves in ``run()``. The program
    /// is the file that this one was started from, in its present version. It inherits no other descriptor of the
    /// framework's, and the standard ones.
    ///
    /// - Parameters:
    ///   - arguments: its command line, the program's name first.
    ///   - time: how long it may take to serve; it is killed otherwise. Default: 30 s.
    ///   - finished: told, on the first loop's thread, the number of the process that serves, so that this one can
    ///     drain; or why there is none.
    /// - Throws: ``SocketError`` when it cannot be started, when one is on its way already, and when this server drains.
    public func startSuccessor(
        arguments: [String], within time: Duration = .seconds(30),
        _ finished: @escaping (Result<Int32, SocketError>) -> Void
    ) throws(SocketError) {
        if loop.isDraining || handOver != nil {
            throw SocketError(
                .handOver, subject: "a successor",
                reason: loop.isDraining ? "this server is draining" : "one is on its way already")
        }
        let successor = try Successor.start(arguments: arguments, sockets: sockets)
        handOver = try HandOver(to: successor, on: loop, within: time) { [unowned self] result in
            handOver = nil
            if case .success = result { firstMember.leavePaths() }
            finished(result)
        }
    }
}

/// Waits for a successor.
final class HandOver {
    private let loop: EventLoop
    private let successor: Successor
    private let finished: (Result<Int32, SocketError>) -> Void
    private var pipe: OwnedDescriptor?
    private var watch: DescriptorWatch?
    private var timer: Timer?

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
        timer = loop.schedule(after: time) { [unowned self] in fail("it did not serve within \(time)") }
    }

    private func look() {
        switch successor.outcome() {
        case .waiting: return
        case .ready: end(.success(successor.process))
        case .failed(let reason): fail(reason)
        }
    }

    private func fail(_ reason: String) {
        successor.abandon()
        end(.failure(SocketError(.handOver, subject: "process \(successor.process)", reason: reason)))
    }

    private func end(_ result: Result<Int32, SocketError>) {
        release()
        withExtendedLifetime(self) { finished(result) }
    }

    /// Ends the waiting and the successor; nobody is told.
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
