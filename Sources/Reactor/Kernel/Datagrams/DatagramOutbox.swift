// The queue of sendmmsg(2): datagrams and their destinations, first in, first out. An outbox owns their bytes and the
// kernel's structures, and bounds both. It does not depend on sockets.
//
//     |  sent: free at the next move to the front  |  waiting: first ..< end  |  free  |

import CReactor

/// A queue of datagrams to send, bounded in number and in bytes.
///
/// An outbox belongs to one thread. A kernel reads it; its owner fills it and removes the sent datagrams.
@safe package final class DatagramOutbox {
    // Safe: allocated in init and freed in deinit. `table` has room for `capacity` messages, `memory` for
    // `byteCapacity` bytes; every index and length is checked against those before use, and the pieces of the messages
    // from `first` to `end` lie within `memory`.
    private let table: MessageTable
    private let memory: UnsafeMutableRawPointer
    private var first = 0
    private var end = 0
    /// The offsets at which the bytes of the first datagram begin and those of the last one end.
    private var firstByte = 0
    private var endByte = 0

    /// The maximum number of datagrams.
    package let capacity: Int
    /// The maximum number of bytes of all datagrams together.
    package let byteCapacity: Int
    /// The number of queued datagrams.
    package var count: Int { end - first }
    /// The number of queued bytes.
    package var byteCount: Int { endByte - firstByte }
    /// Whether no datagram is queued.
    package var isEmpty: Bool { first == end }

    /// Creates an outbox. Values out of range are clamped. Unused memory is never touched.
    ///
    /// - Parameters:
    ///   - capacity: the maximum number of datagrams, 1 to 1,024.
    ///   - byteCapacity: the maximum number of bytes of all datagrams, 1 to 65,536 per datagram.
    ///   - keepsLocalAddresses: whether a datagram can specify its source address. Default: `false`.
    package init(capacity: Int, byteCapacity: Int, keepsLocalAddresses: Bool = false) {
        let capacity = min(max(1, capacity), MessageTable.longestCall)
        let byteCapacity = min(max(1, byteCapacity), capacity * (MessageTable.longestDatagram + 1))
        self.capacity = capacity
        self.byteCapacity = byteCapacity
        table = MessageTable(capacity: capacity, hasLocalAddresses: keepsLocalAddresses)
        unsafe memory = .allocate(byteCount: byteCapacity, alignment: 64)
    }

    deinit {
        table.deallocate()
        unsafe memory.deallocate()
    }

    // MARK: Filling

    /// Appends a copy of a datagram.
    ///
    /// - Parameters:
    ///   - bytes: its contents.
    ///   - address: its destination; `nil` for the peer of a connected socket.
    ///   - local: its source address; `nil`, or an outbox that keeps no local addresses, leaves the choice to the
    ///     kernel. Default: `nil`.
    /// - Returns: `false` if the outbox is full or `address` is that of a Unix socket.
    package func append(_ bytes: RawSpan, to address: SocketAddress?, from local: SocketAddress? = nil) -> Bool {
        let length = bytes.byteCount
        if let address, address.isUnix { return false }
        if end == capacity || length > byteCapacity - endByte {
            guard count < capacity, length <= byteCapacity - byteCount else { return false }
            moveToFront()
        }
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (memory + endByte).copyMemory(from: start, byteCount: length)
        }
        unsafe table.setPiece(end, memory + endByte, length)
        if let address { table.setAddress(end, address) } else { table.setNoAddress(end) }
        if table.hasLocalAddresses { table.setLocalAddress(end, local) }
        end += 1
        endByte += length
        return true
    }

    /// Moves the queued datagrams to the front, to merge the free space before and after them. A datagram is moved at
    /// most once per pass through the whole memory, so the amortized cost is negligible.
    @inline(never)
    private func moveToFront() {
        unsafe memory.copyMemory(from: memory + firstByte, byteCount: byteCount)
        var place = 0
        for index in first..<end {
            let length = table.pieceLength(index)
            table.copyAddresses(from: index, to: index - first)
            unsafe table.setPiece(index - first, memory + place, length)
            place += length
        }
        (end, endByte) = (count, byteCount)
        (first, firstByte) = (0, 0)
    }

    /// Removes the first `number` datagrams, or all if there are fewer, after they were sent or discarded.
    package func removeFirst(_ number: Int) {
        let number = min(max(0, number), count)
        for index in first..<first + number { firstByte += table.pieceLength(index) }
        first += number
        if first == end { removeAll() }
    }

    /// Removes everything.
    package func removeAll() { (first, end, firstByte, endByte) = (0, 0, 0, 0) }

    // MARK: Reading

    /// Returns the destination of a datagram; index 0 is the front of the queue. `nil` for the socket's peer.
    package func address(of index: Int) -> SocketAddress? {
        precondition(index >= 0 && index < count)
        return table.hasAddress(first + index) ? table.address(first + index) : nil
    }

    /// Returns the source address of a datagram; index 0 is the front of the queue. `nil` leaves the choice to the
    /// kernel.
    package func localAddress(of index: Int) -> SocketAddress? {
        precondition(index >= 0 && index < count)
        return table.localAddress(first + index)
    }

    /// Lends the bytes of a datagram; index 0 is the front of the queue.
    package func withBytes<Result>(of index: Int, _ body: (RawSpan) throws -> Result) rethrows -> Result {
        precondition(index >= 0 && index < count)
        // Safe: the piece of a queued message lies within `memory`, which lives as long as the outbox.
        let bytes = unsafe table.piece(first + index).bytes
        return try body(bytes)
    }

    /// Lends the kernel's structures of the queued datagrams to sendmmsg(2).
    func lend(_ send: (UnsafeMutablePointer<creactor_message>, Int) -> SystemResult) -> SystemResult {
        unsafe send(table.messages + first, count)
    }
}
