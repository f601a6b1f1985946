// What sendmmsg(2) is given: datagrams that wait to be sent, each with the address it goes to, first in, first out. It
// owns their bytes and the kernel's structures, and is bounded in both. It knows no socket.
//
//     |  sent: free at the next move to the front  |  waiting: first ..< end  |  free  |

import CReactor

/// Datagrams that wait to be sent, bounded in number and in bytes.
///
/// Belongs to one thread. A kernel reads it; whoever fills it removes what was sent.
@safe package final class DatagramOutbox {
    // Safe: allocated here and freed in deinit. `table` has room for `capacity` messages, `memory` for `byteCapacity`
    // bytes; every index and length is checked against those before it is used, and messages below `prepared` point
    // into `memory` or nowhere.
    private let table: MessageTable
    private let memory: UnsafeMutableRawPointer
    private var first = 0
    private var end = 0
    /// Where the bytes of the first one begin, and where those of the last one end.
    private var firstByte = 0
    private var endByte = 0

    /// How many datagrams there is room for.
    package let capacity: Int
    /// How many bytes there is room for, in all datagrams together.
    package let byteCapacity: Int
    /// How many datagrams wait.
    package var count: Int { end - first }
    /// How many bytes wait.
    package var byteCount: Int { endByte - firstByte }
    /// Whether nothing waits.
    package var isEmpty: Bool { first == end }

    /// Room for `capacity` datagrams (1 to 1,024) with `byteCapacity` bytes in all (1 to what so many datagrams can have);
    /// values beyond these bounds count as the nearest one. Memory that is not needed is never touched.
    ///
    /// - Parameter keepsLocalAddresses: whether a datagram can name the address that it leaves from.
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

    /// Adds a copy of a datagram behind the others; `false` when there is no room, or the address is a Unix socket's.
    ///
    /// - Parameters:
    ///   - address: where to; `nil` for the peer that the socket is connected to.
    ///   - local: the address of this machine that it leaves from; `nil` leaves the choice to the kernel, and so does an
    ///     outbox that keeps no local addresses.
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

    /// Room has become free in front of those that wait, and is needed behind them. Each datagram is moved once for each
    /// time that the whole memory was used, so this costs nothing that counts.
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

    /// Removes the first `number` datagrams, at most all: they were sent, or given up.
    package func removeFirst(_ number: Int) {
        let number = min(max(0, number), count)
        for index in first..<first + number { firstByte += table.pieceLength(index) }
        first += number
        if first == end { removeAll() }
    }

    /// Removes everything.
    package func removeAll() { (first, end, firstByte, endByte) = (0, 0, 0, 0) }

    // MARK: Reading

    /// Where a datagram goes to; 0 is the first that waits. `nil` for the socket's peer.
    package func address(of index: Int) -> SocketAddress? {
        precondition(index >= 0 && index < count)
        return table.hasAddress(first + index) ? table.address(first + index) : nil
    }

    /// The address of this machine that a datagram is to leave from; 0 is the first that waits. `nil` leaves the choice to
    /// the kernel.
    package func localAddress(of index: Int) -> SocketAddress? {
        precondition(index >= 0 && index < count)
        return table.localAddress(first + index)
    }

    /// Lends the bytes of a datagram; 0 is the first that waits.
    package func withBytes<Result>(of index: Int, _ body: (RawSpan) throws -> Result) rethrows -> Result {
        precondition(index >= 0 && index < count)
        // Safe: a waiting message's piece lies within `memory`, which lives as long as this.
        let bytes = unsafe table.piece(first + index).bytes
        return try body(bytes)
    }

    /// Lends the kernel's structures of those that wait to sendmmsg.
    func lend(_ send: (UnsafeMutablePointer<creactor_message>, Int) -> SystemResult) -> SystemResult {
        unsafe send(table.messages + first, count)
    }
}
