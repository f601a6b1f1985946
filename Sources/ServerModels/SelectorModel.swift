// The reactor in one file: one loop, one wait for all, and then whatever is ready is served. It runs on any of the
// framework's selectors: what differs between select, poll, and epoll level- and edge-triggered is in their own files, and
// here in the one question whether readiness is told again. This is the framework's `EventLoop` without all that real
// clients make necessary: timers, deadlines, fairness, limits, errors that somebody hears of.
//
//           +--> wait until something is ready (nothing is: sleep)
//           |      |
//           |      +--> the listener: accept until nobody is left
//           |      +--> a connection: step  --> ask for what it waits for now: readable or writable
//           +------+
//
// Level-triggered, one step a readiness is enough: what is left will be told again. Edge-triggered, nobody will tell again:
// it steps until nothing is left, or, because a peer may send as fast as we read, so often, and looks again after the others.

import Reactor
import SystemPackage

/// One loop over a selector.
final class SelectorModel {
    private static let stepsAtOnce = 16
    private static let clientsAtOnce = 64
    /// When there was no descriptor for a client: how long to wait until it is tried again, in nanoseconds.
    private static let patience: Int64 = 50_000_000

    private let listener: FileDescriptor
    private let kernel: any SystemCalls
    private let selector: any Selector
    private let isEdgeTriggered: Bool
    private let limit: Int
    private var connections: [CInt: NonBlockingEcho] = [:]
    /// Whether the selector watches the listener; not while there is no room for another client.
    private var isAccepting = false
    /// Before that moment it is not watched again, unless somebody leaves.
    private var acceptsAgain = MonotonicTime(nanoseconds: 0)
    /// Who was ready and may still be, without anybody telling. A set: the next wait may tell of them as well.
    private var again: Set<CInt> = []
    private var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    private let ready = ReadyList()

    init(
        _ listener: FileDescriptor, _ backend: Backend, _ kernel: any SystemCalls, limit: Int
    ) throws(SocketError) {
        self.listener = listener
        self.kernel = kernel
        selector = try backend.makeSelector(kernel)
        isEdgeTriggered = selector.capabilities.isEdgeTriggered
        // select takes descriptors below 1,024, and some are other things than connections.
        self.limit = min(limit, (selector.capabilities.descriptorLimit ?? .max) - 16)
    }

    func run() {
        while !ModelSockets.isEnding { turn() }
        end()
    }

    /// One wait, and all that was ready.
    func turn() {
        let isFull = connections.count >= limit
        if !isAccepting, !isFull, kernel.now() >= acceptsAgain {
            isAccepting = change(listener, from: nil, to: .readable)
        }
        let pause = WaitTimeout(nanoseconds: Self.patience)
        let timeout: WaitTimeout = !again.isEmpty ? .none : isAccepting || isFull ? .forever : pause
        _ = selector.wait(into: ready, timeout: timeout)
        let leftOver = again
        again = []
        for index in 0..<ready.count { serve(CInt(truncatingIfNeeded: ready[index].token.rawValue)) }
        ready.removeAll()
        for descriptor in leftOver { serve(descriptor) }
    }

    /// Closes what is open, but the listener.
    func end() {
        for connection in connections.values { _ = kernel.close(connection.descriptor) }
        connections = [:]
        selector.close()
    }

    private func serve(_ number: CInt) {
        if number == listener.rawValue { acceptAll() } else { serveConnection(number) }
    }

    private func acceptAll() {
        for _ in 0..<Self.clientsAtOnce {
            guard connections.count < limit else { return pauseAccepting() }
            var peer = SocketAddress.unspecified
            let newcomer = kernel.accept(listener, peer: &peer)
            if newcomer.wouldBlock { return }
            guard newcomer.succeeded else {
                // Out of descriptors, level-triggered: the listener stays ready, and the wait would not be one.
                if newcomer.errno?.faultClass == .resources {
                    acceptsAgain = kernel.now().advanced(by: .nanoseconds(Self.patience))
                    return pauseAccepting()
                }
                continue
            }
            if change(newcomer.descriptor, from: nil, to: .readable) {
                connections[newcomer.descriptor.rawValue] = NonBlockingEcho(newcomer.descriptor)
            } else {
                _ = kernel.close(newcomer.descriptor)
            }
        }
        if isEdgeTriggered { again.insert(listener.rawValue) }
    }

    private func pauseAccepting() {
        if isAccepting { _ = change(listener, from: .readable, to: nil) }
        isAccepting = false
    }

    private func serveConnection(_ number: CInt) {
        // A number that was closed a moment ago: its last readiness is nobody's any more.
        guard var connection = connections[number] else { return }
        for _ in 0..<(isEdgeTriggered ? Self.stepsAtOnce : 1) {
            switch connection.step(kernel, &buffer) {
            case .moved: continue
            case .waitsForBytes: return keep(&connection, waitingFor: .readable)
            case .waitsForRoom: return keep(&connection, waitingFor: .writable)
            case .isOver:
                // First out of the selector, then closed: a duplicate elsewhere would keep it there.
                _ = change(connection.descriptor, from: connection.interest, to: nil)
                _ = kernel.close(connection.descriptor)
                connections[number] = nil
                acceptsAgain = MonotonicTime(nanoseconds: 0)
                return
            }
        }
        keep(&connection, waitingFor: .readable)
        if isEdgeTriggered { again.insert(number) }
    }

    private func keep(_ connection: inout NonBlockingEcho, waitingFor interest: Interest) {
        if connection.interest != interest {
            _ = change(connection.descriptor, from: connection.interest, to: interest)
            connection.interest = interest
        }
        connections[connection.descriptor.rawValue] = connection
    }

    private func change(_ descriptor: FileDescriptor, from old: Interest?, to new: Interest?) -> Bool {
        let token = Token(rawValue: UInt64(UInt32(bitPattern: descriptor.rawValue)))
        return selector.change(descriptor, token: token, from: old, to: new).succeeded
    }
}
