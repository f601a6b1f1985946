// The reactor in one file: one loop that waits for all connections at once and serves the ready ones, on any of the
// framework's selectors. It is the framework's `EventLoop` without what real clients require: timers, deadlines,
// fairness, limits and error reports.
//
//           +--> wait until something is ready (otherwise sleep)
//           |      |
//           |      +--> the listener: accept until the backlog is empty
//           |      +--> a connection: step  --> register its next interest: readable or writable
//           +------+
//
// Level-triggered, one step per readiness is enough, because the selector reports the rest again. Edge-triggered,
// readiness is reported once: the loop steps until nothing is left, or, since a peer may send as fast as the loop
// reads, up to a budget, and then returns to the connection after the others.

internal import Reactor
import SystemPackage

/// The model with one loop over a selector.
final class SelectorModel {
    /// The budget of a connection per turn, on an edge-triggered selector.
    private static let stepsAtOnce = 16
    /// The budget of the listener per turn.
    private static let clientsAtOnce = 64
    /// The pause after accept has failed for lack of descriptors, in nanoseconds.
    private static let patience: Int64 = 50_000_000

    private let listener: FileDescriptor
    private let kernel: any SystemCalls
    private let selector: any Selector
    private let isEdgeTriggered: Bool
    private let limit: Int
    private var connections: [CInt: NonBlockingEcho] = [:]
    /// Whether the listener is registered with the selector; false at the limit of clients or descriptors.
    private var isAccepting = false
    /// The earliest time at which the listener is registered again, unless a client leaves before.
    private var acceptsAgain = MonotonicTime(nanoseconds: 0)
    /// Descriptors that may still be ready although the selector will not report them again. A set, because the next
    /// wait may report them as well.
    private var again: Set<CInt> = []
    private var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    private let ready = ReadyList()

    /// Creates a model on a listening socket, which it does not close.
    ///
    /// - Throws: `SocketError` when the selector cannot be created.
    init(
        _ listener: FileDescriptor, _ backend: Backend, _ kernel: any SystemCalls, limit: Int
    ) throws(SocketError) {
        self.listener = listener
        self.kernel = kernel
        selector = try backend.makeSelector(kernel)
        isEdgeTriggered = selector.capabilities.isEdgeTriggered
        // select accepts only descriptors below 1,024, and a few are not connections.
        self.limit = min(limit, (selector.capabilities.descriptorLimit ?? .max) - 16)
    }

    /// Serves until the process is ending.
    func run() {
        while !ModelSockets.isEnding { turn() }
        end()
    }

    /// Runs one turn: a wait, and a step of everything that is ready.
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

    /// Closes all connections and the selector, but not the listener.
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
                // Out of descriptors: a level-triggered listener stays ready, so the wait would return at once.
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
        // The connection was closed earlier in this turn, and its readiness is stale.
        guard var connection = connections[number] else { return }
        for _ in 0..<(isEdgeTriggered ? Self.stepsAtOnce : 1) {
            switch connection.step(kernel, &buffer) {
            case .moved: continue
            case .waitsForBytes: return keep(&connection, waitingFor: .readable)
            case .waitsForRoom: return keep(&connection, waitingFor: .writable)
            case .isOver:
                // Deregister before closing: a duplicate of the descriptor elsewhere would keep the registration alive.
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
