// What recvmmsg(2) fills: datagrams of bounded size with the addresses they came from. It owns the memory of all of
// them and the kernel's structures, prepared once and used again and again. It knows no socket.

import CReactor

/// Room for datagrams that one call receives.
///
/// Belongs to one thread. A kernel fills it, by ``removeAll()`` and ``append(_:from:to:)`` unless it is Linux; whoever asked
/// for it reads it.
@safe package final class DatagramInbox {
    // Safe: allocated here and freed in deinit. `table` has room for `capacity` messages and `memory` for as many places
    // of `stride` bytes; every index and length is checked against those before it is used.
    private let table: MessageTable
    private let memory: UnsafeMutableRawPointer
    private let stride: Int
    private var filled = 0
    /// Messages from the first whose address lengths the kernel has overwritten.
    private var used: Int

    /// How many datagrams there is room for.
    package let capacity: Int
    /// Bytes of a datagram that are kept; a longer one is cut, and flagged.
    package let datagramSize: Int
    /// How many datagrams are in it.
    package var count: Int { filled }

    /// Room for `capacity` datagrams (1 to 1,024) of `datagramSize` bytes (1 to 65,535); values beyond these bounds count
    /// as the nearest one. Memory that no datagram comes to is never touched.
    ///
    /// - Parameter keepsLocalAddresses: whether ``localAddress(of:)`` is kept. The kernel reports it only for a socket
    ///   with ``SocketOption/packetInfo(isIPv6:)``.
    package init(capacity: Int, datagramSize: Int, keepsLocalAddresses: Bool = false) {
        let capacity = min(max(1, capacity), MessageTable.longestCall)
        let datagramSize = min(max(1, datagramSize), MessageTable.longestDatagram)
        self.capacity = capacity
        self.datagramSize = datagramSize
        // A cache line more than a power of two, or all places would compete for the same lines of the cache.
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

    /// Where a datagram came from.
    package func address(of index: Int) -> SocketAddress {
        precondition(index >= 0 && index < filled)
        return table.address(index)
    }

    /// The address of this machine that a datagram was sent to, with port 0: the one an answer has to leave from. For a
    /// broadcast datagram, the address of the interface it arrived on; for an IPv6 multicast datagram, the group. `nil`
    /// when the kernel did not report it.
    package func localAddress(of index: Int) -> SocketAddress? {
        precondition(index >= 0 && index < filled)
        return table.localAddress(index)
    }

    /// Whether a datagram was longer than ``datagramSize``; what is here is its beginning.
    package func isTruncated(_ index: Int) -> Bool {
        precondition(index >= 0 && index < filled)
        return table.isTruncated(index)
    }

    /// Lends the bytes of a datagram.
    package func withBytes<Result>(of index: Int, _ body: (RawSpan) throws -> Result) rethrows -> Result {
        let bytes = unsafe bytes(of: index).bytes
        return try body(bytes)
    }

    /// The bytes of a datagram, to be lent as a span while the inbox lives and is not filled anew.
    @inline(__always)
    func bytes(of index: Int) -> UnsafeRawBufferPointer {
        precondition(index >= 0 && index < filled)
        // The kernel never fills more than it was given room for; a kernel that says so is not believed.
        return unsafe UnsafeRawBufferPointer(
            start: memory + index * stride, count: min(table.length(index), datagramSize))
    }

    // MARK: Filling

    /// Forgets what is in it.
    package func removeAll() { filled = 0 }

    /// Adds a datagram, cut to ``datagramSize``; `false` when there is no room, or the address is a Unix socket's.
    ///
    /// - Parameter local: the address of this machine that it was sent to, if that is reported.
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

    /// Lends the kernel's structures to recvmmsg and takes its answer for the number of datagrams.
    func fill(_ receive: (UnsafeMutablePointer<creactor_message>, Int) -> SystemResult) -> SystemResult {
        for index in 0..<used { table.makeRoomForAddress(index) }
        if table.hasLocalAddresses { for index in 0..<used { table.makeRoomForLocalAddress(index) } }
        let result = unsafe receive(table.messages, capacity)
        filled = max(0, min(result.rawValue, capacity))
        used = filled
        return result
    }
}
