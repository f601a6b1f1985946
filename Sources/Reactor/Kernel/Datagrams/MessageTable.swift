// The structures of recvmmsg(2) and sendmmsg(2) as arrays: a header, a piece of memory and an address per message. Only
// DatagramInbox and DatagramOutbox use them, and both check every index.

import CReactor

/// The kernel's structures for a number of messages. The value refers to the memory like a pointer; its owner
/// deallocates it.
@safe struct MessageTable: BitwiseCopyable {
    /// The maximum number of messages per call (recvmmsg(2), `UIO_MAXIOV`).
    static var longestCall: Int { 1024 }
    /// The maximum size of a datagram, in bytes (RFC 768).
    static var longestDatagram: Int { 65_535 }
    /// Enough for `sockaddr_in` and `sockaddr_in6`.
    private static var addressSize: Int { 32 }

    // Safe: arrays of the same length, initialized as a whole; the owners of the table check indices, and messages
    // point into the other arrays.
    let messages: UnsafeMutablePointer<creactor_message>
    private let pieces: UnsafeMutablePointer<iovec>
    private let addresses: UnsafeMutableRawPointer
    /// Room for the local address of each message; `nil` if they are not kept.
    private let controls: UnsafeMutableRawPointer?

    /// The size of a local address's control message, rounded up so that each one is aligned.
    private static var controlSize: Int { (Int(creactor_control_size) + 15) / 16 * 16 }

    init(capacity: Int, hasLocalAddresses: Bool = false) {
        unsafe messages = .allocate(capacity: capacity)
        unsafe pieces = .allocate(capacity: capacity)
        unsafe addresses = .allocate(byteCount: capacity * Self.addressSize, alignment: 8)
        unsafe controls =
            hasLocalAddresses ? .allocate(byteCount: capacity * Self.controlSize, alignment: 16) : nil
        for index in 0..<capacity {
            unsafe (pieces + index).initialize(to: iovec())
            unsafe creactor_message_prepare(messages + index, addresses + index * Self.addressSize, pieces + index)
        }
    }

    func deallocate() {
        unsafe messages.deallocate()
        unsafe pieces.deallocate()
        unsafe addresses.deallocate()
        unsafe controls?.deallocate()
    }

    // MARK: Bytes

    func setPiece(_ index: Int, _ start: UnsafeMutableRawPointer, _ count: Int) {
        unsafe pieces[index].iov_base = start
        unsafe pieces[index].iov_len = count
    }

    func piece(_ index: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: pieces[index].iov_base, count: pieces[index].iov_len)
    }

    func pieceLength(_ index: Int) -> Int { unsafe pieces[index].iov_len }

    /// Returns the number of bytes received.
    func length(_ index: Int) -> Int { unsafe Int(messages[index].length) }

    func isTruncated(_ index: Int) -> Bool { unsafe creactor_message_is_truncated(messages + index) != 0 }

    /// Sets the length and the truncation flag, as the kernel does on receiving.
    func setReceived(_ index: Int, length: Int, isTruncated: Bool) {
        unsafe messages[index].length = CUnsignedInt(length)
        unsafe messages[index].header.msg_flags = isTruncated ? CInt(MSG_TRUNC) : 0
    }

    // MARK: Addresses

    func makeRoomForAddress(_ index: Int) {
        unsafe messages[index].header.msg_namelen = socklen_t(Self.addressSize)
    }

    func hasAddress(_ index: Int) -> Bool { unsafe messages[index].header.msg_namelen != 0 }

    func address(_ index: Int) -> SocketAddress {
        let length = unsafe min(Int(messages[index].header.msg_namelen), Self.addressSize)
        guard length >= MemoryLayout<sockaddr_in>.size else { return .unspecified }  // a sender without an address
        return unsafe SocketAddress(
            storage: SocketAddress.read(
                UnsafeRawBufferPointer(start: addresses + index * Self.addressSize, count: length)))
    }

    func setAddress(_ index: Int, _ address: SocketAddress) {
        precondition(!address.isUnix, "datagrams go to internet addresses only")
        let target = unsafe addresses + index * Self.addressSize
        let length = unsafe address.withSystemAddress { source, length in
            unsafe target.copyMemory(from: source, byteCount: Int(length))
            return SystemResult(Int(length))
        }
        unsafe messages[index].header.msg_name = target
        unsafe messages[index].header.msg_namelen = socklen_t(length.rawValue)
    }

    /// Addresses a message to the socket's peer. The name has to be null: the kernel reads even a name of length 0.
    func setNoAddress(_ index: Int) {
        unsafe messages[index].header.msg_name = nil
        unsafe messages[index].header.msg_namelen = 0
    }

    func copyAddresses(from source: Int, to target: Int) {
        if hasAddress(source) { setAddress(target, address(source)) } else { setNoAddress(target) }
        if hasLocalAddresses { setLocalAddress(target, localAddress(source)) }
    }

    // MARK: Local addresses

    var hasLocalAddresses: Bool { unsafe controls != nil }

    /// Resets the room for the local address, whose length the kernel overwrites.
    func makeRoomForLocalAddress(_ index: Int) {
        guard let controls = unsafe controls else { return }
        unsafe creactor_message_set_control(
            messages + index, controls + index * Self.controlSize, Int(creactor_control_size))
    }

    /// Returns the local address that the message was sent to or is to be sent from, with port 0; `nil` if unspecified.
    func localAddress(_ index: Int) -> SocketAddress? {
        guard hasLocalAddresses else { return nil }
        var bytes: (UInt64, UInt64) = (0, 0)
        var interface: CUnsignedInt = 0
        // Safe: 16 bytes hold an address of either family.
        switch unsafe creactor_message_local(messages + index, &bytes, &interface) {
        case AF_INET:
            // The first four bytes, in network byte order.
            return SocketAddress(storage: .ipv4(address: UInt32(bytes.0.bigEndian >> 32), port: 0))
        case AF_INET6:
            let address = SocketAddress.ipv6(high: bytes.0.bigEndian, low: bytes.1.bigEndian, port: 0)
            // Only a link-local address needs its interface; a reply from any other may leave through another
            // interface.
            guard address.isLinkLocal else { return address }
            return .ipv6(high: bytes.0.bigEndian, low: bytes.1.bigEndian, scope: interface, port: 0)
        default: return nil
        }
    }

    /// Sets the local address: of a received message, as the kernel does, or the source address of one to send.
    func setLocalAddress(_ index: Int, _ address: SocketAddress?) {
        guard let controls = unsafe controls else { return }
        let control = unsafe controls + index * Self.controlSize
        switch address?.storage {
        case .ipv4(let number, _):
            var bytes = number.bigEndian
            unsafe creactor_message_set_local(messages + index, control, AF_INET, &bytes, 0)
        case .ipv6(let high, let low, let scope, _):
            var bytes = (high.bigEndian, low.bigEndian)
            unsafe creactor_message_set_local(messages + index, control, AF_INET6, &bytes, scope)
        case .unix, nil: unsafe creactor_message_set_control(messages + index, nil, 0)
        }
    }
}
