// The buffers of recvmmsg(2): datagrams of bounded size and their source addresses. An inbox owns this memory and the
// kernel's structures, which are prepared once and reused. It does not depend on sockets.

import CReactor

/// The buffers for the datagrams that one call receives.
///
/// An inbox belongs to one thread. A kernel fills it, and the caller of
/// ``SystemCalls/receiveDatagrams(_:into:)`` reads it. Kernels other than Linux use ``removeAll()`` and
/// ``append(_:from:to:)`` to fill it.
@safe package final class DatagramInbox {
    // Safe: allocated in init and freed in deinit. `table` has room for `capacity` messages and `memory` for as many
    // slots of `stride` bytes; every index and length is checked against those before use.
    private let table: MessageTable
    private let memory: UnsafeMutableRawPointer
    private let stride: Int
    private var filled = 0
    /// The number of leading messages whose address lengths the kernel has overwritten.
    private var used: Int

    /// The maximum number of datagrams.
    package let capacity: Int
    /// The maximum size of a datagram, in bytes; a longer one is truncated and flagged.
    package let datagramSize: Int
    /// The number of datagrams.
    package var count: Int { filled }

    /// Creates an inbox. Values out of range are clamped. Memory that no datagram reaches is never touched.
    ///
    /// - Parameters:
    ///   - capacity: the maximum number of datagrams, 1 to 1,024.
    ///   - datagramSize: the maximum size of a datagram, 1 to 65,535 bytes.
    ///   - keepsLocalAddresses: whether to keep ``localAddress(of:)``. The kernel reports it only for a socket with
    ///     ``SocketOption/packetInfo(isIPv6:)``. Default: `false`.
    package init(capacity: Int, datagramSize: Int, keepsLocalAddresses: Bool = false) {
        let capacity = min(max(1, capacity), MessageTable.longestCall)
        let datagramSize = min(max(1, datagramSize), MessageTable.longestDatagram)
        self.capacity = capacity
        self.datagramSize = datagramSize
        // One extra cache line: with a stride of a power of two, all slots would compete for the same cache sets.
        stride = (datagramSize + 63) / 64 * 64 + 64
        unsafe memory = .allocate(byteCount: capacity * stride, alignment: 64)
        table = MessageTable(capacity: capacity, hasLocalAddresses: keepsLocalAddresses)
        used = capacity
        for index in 0..<capacity { unsafe table.setPiece(index, memory + index * stride, datagramSize) }
    }

    deinit {
        table.deallocate()
        unsafe memory.deallocate()
    }

    // MARK: Reading

    /// Returns the source address of a datagram.
    package func address(of index: Int) -> SocketAddress {
        precondition(index >= 0 && index < filled)
        return table.address(index)
    }

    /// Returns the local address that a datagram was sent to, with port 0: the source address of a reply.
    ///
    /// For a broadcast datagram, it is the address of the interface that it arrived on; for an IPv6 multicast datagram,
    /// the group. `nil` if the kernel did not report it.
    package func localAddress(of index: Int) -> SocketAddress? {
        precondition(index >= 0 && index < filled)
        return table.localAddress(index)
    }

    /// Returns whether a datagram was longer than ``datagramSize``, and is truncated here.
    package func isTruncated(_ index: Int) -> Bool {
        precondition(index >= 0 && index < filled)
        return table.isTruncated(index)
    }

    /// Lends the bytes of a datagram.
    package func withBytes<Result>(of index: Int, _ body: (RawSpan) throws -> Result) rethrows -> Result {
        let bytes = unsafe bytes(of: index).bytes
        return try body(bytes)
    }

    /// Returns the bytes of a datagram. They are valid while the inbox exists and until it is filled again.
    @inline(__always)
    func bytes(of index: Int) -> UnsafeRawBufferPointer {
        precondition(index >= 0 && index < filled)
        // Clamped, in case a kernel reports more bytes than it had room for.
        return unsafe UnsafeRawBufferPointer(
            start: memory + index * stride, count: min(table.length(index), datagramSize))
    }

    // MARK: Filling

    /// Removes all datagrams.
    package func removeAll() { filled = 0 }

    /// Adds a datagram, truncated to ``datagramSize``.
    ///
    /// - Parameters:
    ///   - bytes: its contents.
    ///   - address: its source address.
    ///   - local: the local address that it was sent to, if known. Default: `nil`.
    /// - Returns: `false` if the inbox is full or `address` is that of a Unix socket.
    @discardableResult
    package func append(_ bytes: RawSpan, from address: SocketAddress, to local: SocketAddress? = nil) -> Bool {
        guard filled < capacity, !address.isUnix else { return false }
        let count = min(bytes.byteCount, datagramSize)
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (memory + filled * stride).copyMemory(from: start, byteCount: count)
        }
        table.setAddress(filled, address)
        table.setLocalAddress(filled, local)
        table.setReceived(filled, length: count, isTruncated: count < bytes.byteCount)
        filled += 1
        used = max(used, filled)
        return true
    }

    /// Lends the kernel's structures to recvmmsg(2), and takes its result as the number of datagrams.
    func fill(_ receive: (UnsafeMutablePointer<creactor_message>, Int) -> SystemResult) -> SystemResult {
        for index in 0..<used { table.makeRoomForAddress(index) }
        if table.hasLocalAddresses { for index in 0..<used { table.makeRoomForLocalAddress(index) } }
        let result = unsafe receive(table.messages, capacity)
        filled = max(0, min(result.rawValue, capacity))
        used = filled
        return result
    }
}
