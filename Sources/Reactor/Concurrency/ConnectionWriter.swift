// Writing to a connection from other tasks than its own, such as a broadcast that one slow peer must not delay. Queued
// output is bounded; a peer that is too slow loses either messages or its connection.

import Synchronization

/// A writer to a connection for any task and thread, which never waits.
///
/// Created by ``AsyncConnection/writer(_:limit:)``.
public struct ConnectionWriter: Sendable {
    /// What happens when a peer is too slow.
    public struct Policy: Sendable, Hashable {
        private let number: UInt8

        /// Messages above the limit are dropped; the connection stays open.
        public static let drop = Policy(number: 0)
        /// The connection is closed with ``CloseReason/Kind/outputLimit``.
        public static let close = Policy(number: 1)
    }

    let outlet: Outlet

    /// Writes a message, completely or not at all.
    ///
    /// - Returns: Whether it was accepted; `false` when too much is queued or the connection is closed. If the peer
    ///   proves too slow for an accepted message, the policy applies: the message is dropped, or the connection is
    ///   closed.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool { outlet.write(bytes) }

    /// Writes a string's UTF-8 bytes, completely or not at all.
    @discardableResult
    public func write(_ text: String) -> Bool { outlet.write(Array(text.utf8)) }

    /// The number of messages that were not accepted, or dropped later, because too much was queued.
    public var dropped: Int { outlet.dropped.load(ordering: .relaxed) }
}

/// The path of bytes from any thread to a connection.
// Safe to share: `core` is used and cleared on the loop's thread only; the other properties are thread-safe.
final class Outlet: @unchecked Sendable {
    private var core: ConnectionTask?
    private let handle: LoopHandle
    private let policy: ConnectionWriter.Policy
    private let limit: Int
    /// Bytes that are on their way to the loop.
    private let inFlight = Atomic<Int>(0)
    private let isClosed = Atomic<Bool>(false)
    let dropped = Atomic<Int>(0)

    init(_ core: ConnectionTask, _ policy: ConnectionWriter.Policy, limit: Int) {
        self.core = core
        handle = core.connection.loop.handle
        self.policy = policy
        self.limit = limit
    }

    /// Sends bytes to the loop. Any thread.
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

    /// Writes bytes to the connection. The loop's thread.
    private func deliver(_ bytes: [UInt8]) {
        inFlight.wrappingSubtract(bytes.count, ordering: .relaxed)
        guard let connection = core?.connection else { return }
        if connection.queuedBytes + bytes.count > limit { return refuse() }
        connection.write(bytes)
    }

    /// Rejects further output, because the connection is closed. The loop's thread.
    func close() {
        isClosed.store(true, ordering: .relaxed)
        core = nil
    }
}
