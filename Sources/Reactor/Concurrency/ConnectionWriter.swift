// Writing to a connection from tasks that are not its own: for broadcasts, which one slow peer must not hold up. What is on
// its way is bounded, and who is too slow loses either messages or the connection.

import Synchronization

/// Writes to a connection from any task and thread, and never waits. Made by ``AsyncConnection/writer(_:limit:)``.
public struct ConnectionWriter: Sendable {
    /// What becomes of a peer that is too slow.
    public struct Policy: Sendable, Hashable {
        private let number: UInt8

        /// What there is no room for is dropped; the connection goes on.
        public static let drop = Policy(number: 0)
        /// Its connection is closed, with ``CloseReason/Kind/outputLimit``.
        public static let close = Policy(number: 1)
    }

    let outlet: Outlet

    /// Writes a message, whole or not at all.
    ///
    /// - Returns: `false` when it was not taken, because too much waits or the connection is over. Of what was taken, that
    ///   for which the peer turns out to be too slow is dropped, or costs the connection, as the policy says.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool { outlet.write(bytes) }

    /// Writes a string's UTF-8 bytes, whole or not at all.
    @discardableResult
    public func write(_ text: String) -> Bool { outlet.write(Array(text.utf8)) }

    /// Messages that were not taken, or dropped later, because too much waited.
    public var dropped: Int { outlet.dropped.load(ordering: .relaxed) }
}

/// The way of bytes from anywhere to a connection.
// Safe to share: `core` is used on the loop's thread only, where it is also taken away; the rest is made for many threads.
final class Outlet: @unchecked Sendable {
    private var core: ConnectionTask?
    private let handle: LoopHandle
    private let policy: ConnectionWriter.Policy
    private let limit: Int
    /// Bytes on their way to the loop.
    private let inFlight = Atomic<Int>(0)
    private let isClosed = Atomic<Bool>(false)
    let dropped = Atomic<Int>(0)

    init(_ core: ConnectionTask, _ policy: ConnectionWriter.Policy, limit: Int) {
        self.core = core
        handle = core.connection.loop.handle
        self.policy = policy
        self.limit = limit
    }

    /// Any thread.
    func write(_ bytes: [UInt8]) -> Bool {
        if isClosed.load(ordering: .relaxed) { return false }
        let waiting = inFlight.wrappingAdd(bytes.count, ordering: .relaxed).newValue
        if waiting > limit {
            inFlight.wrappingSubtract(bytes.count, ordering: .relaxed)
            refuse()
            return false
        }
        return handle.execute { [self] _ in deliver(bytes) }
    }

    private func refuse() {
        dropped.wrappingAdd(1, ordering: .relaxed)
        guard policy == .close, !isClosed.exchange(true, ordering: .relaxed) else { return }
        handle.execute { [self] _ in core?.connection.terminate(CloseReason(.outputLimit), losesOutput: true) }
    }

    /// The loop's thread.
    private func deliver(_ bytes: [UInt8]) {
        inFlight.wrappingSubtract(bytes.count, ordering: .relaxed)
        guard let connection = core?.connection else { return }
        if connection.queuedBytes + bytes.count > limit { return refuse() }
        connection.write(bytes)
    }

    /// The connection is over. The loop's thread.
    func close() {
        isClosed.store(true, ordering: .relaxed)
        core = nil
    }
}
