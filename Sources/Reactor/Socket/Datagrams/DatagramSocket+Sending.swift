// From the handler to the kernel: what a handler sends while a batch is delivered is gathered and leaves in one call
// behind it; what the kernel has no room for waits, within limits, and what has no room to wait is dropped and counted.
// No user code runs in here (invariant 5): what went wrong is told in DatagramSocket+Delivery.swift.
//
//     send --handler running--> outbox --batch is over--> sendmmsg --EAGAIN--> waits --writable--> sendmmsg
//       |                         |                           +---ENOBUFS--> waits --10 ms-----> sendmmsg
//       +------ anyone else ------+------ next turn ------> sendmmsg

import SystemPackage

/// What became of a datagram that was to be sent. None of these says that it arrived.
public struct DatagramSendResult: Sendable, Hashable {
    private let value: UInt8

    /// Taken; send on.
    public static let taken = DatagramSendResult(value: 0)
    /// Taken, but the kernel has no room, and it waits with others: hold back until ``DatagramHandler/drained(_:)``.
    public static let pressure = DatagramSendResult(value: 1)
    /// Not taken: as many as may wait do. Counted in ``DatagramStatistics/dropped``.
    public static let dropped = DatagramSendResult(value: 2)
    /// Not taken: longer than any datagram (65,507 bytes over IPv4, 65,527 over IPv6). Counted in
    /// ``DatagramStatistics/dropped``, and reported to ``DatagramHandler/failed(_:peer:on:)`` (`EMSGSIZE`).
    public static let tooLarge = DatagramSendResult(value: 3)
    /// Not taken: the socket is over.
    public static let closed = DatagramSendResult(value: 4)
    /// Not taken: an answer beyond what ``DatagramOptions/answers`` allows. Counted in ``DatagramStatistics/withheld``.
    public static let withheld = DatagramSendResult(value: 5)
}

extension DatagramSocket {
    /// What a length of 16 bits leaves for the payload (RFC 768, RFC 791, RFC 8200).
    private static let longestIPv4 = 65_535 - 20 - 8
    private static let longestIPv6 = 65_535 - 8
    /// Errors that are kept for the handler; more are only counted.
    private static let failuresKept = 64

    /// Sends a datagram to an address, without blocking; the bytes are copied before this returns.
    ///
    /// Those of one callback leave together when it returns, the others at the beginning of the next turn. If the kernel
    /// refuses one then, ``DatagramHandler/failed(_:peer:on:)`` says so: no route, too large for it, a broadcast address
    /// without ``DatagramOptions/allowsBroadcast``, an address of another family.
    ///
    /// To the source of the datagram that the handler is called with, this sends an answer: it leaves from the address
    /// that was asked, also where the socket is bound to all of them, and within ``DatagramOptions/answers``.
    @discardableResult
    public func send(_ bytes: RawSpan, to address: SocketAddress) -> DatagramSendResult {
        if address.isUnix { return refuse(.addressFamilyNotSupported, address) }
        if delivered >= 0 && (answerGuard != nil || isWildcard) && inbox.address(of: delivered) == address {
            let local = isWildcard ? localAddress(of: delivered) : nil
            return unsafe answer(bytes, to: address, from: local, question: inbox.bytes(of: delivered).bytes)
        }
        return enqueue(bytes, to: address)
    }

    /// Sends a datagram to an address, from one address of this machine.
    ///
    /// - Parameter local: the address that it leaves from, usually an ``arrivalAddress``; its port is the socket's. Of
    ///   meaning only where the socket is bound to all addresses; `nil` leaves the choice to the kernel.
    @discardableResult
    public func send(_ bytes: RawSpan, to address: SocketAddress, from local: SocketAddress?) -> DatagramSendResult {
        if address.isUnix { return refuse(.addressFamilyNotSupported, address) }
        return enqueue(bytes, to: address, from: local)
    }

    /// Sends an array's bytes to an address, from one address of this machine.
    @discardableResult
    public func send(_ bytes: [UInt8], to address: SocketAddress, from local: SocketAddress?) -> DatagramSendResult {
        // Safe: a UInt8 has no padding that would be uninitialized.
        unsafe send(bytes.span.bytes, to: address, from: local)
    }

    /// Where the datagram that the handler is called with was sent to: the address of this machine that an answer leaves
    /// from, for an answer that is sent later. `nil` while the handler is not called, and where the datagram was sent to an
    /// IPv6 group.
    public var arrivalAddress: SocketAddress? {
        guard delivered >= 0 else { return nil }
        return isWildcard ? localAddress(of: delivered) : address
    }

    private func localAddress(of index: Int) -> SocketAddress? {
        guard var local = inbox.localAddress(of: index), !local.isMulticast, !local.isWildcard else { return nil }
        local.port = address.port
        return local
    }

    /// Sends an answer, if it may leave.
    func answer(_ bytes: RawSpan, to source: SocketAddress, from local: SocketAddress?, question: RawSpan)
        -> DatagramSendResult
    {
        if let answerGuard, !answerGuard.admits(bytes, to: source, question: question, at: loop.now) {
            counters.withheld += 1
            return .withheld
        }
        return enqueue(bytes, to: source, from: local)
    }

    /// Sends a datagram to the peer that the socket is connected to.
    @discardableResult
    public func send(_ bytes: RawSpan) -> DatagramSendResult { enqueue(bytes, to: nil) }

    /// Sends a string's UTF-8 bytes to an address.
    @discardableResult
    public func send(_ text: String, to address: SocketAddress) -> DatagramSendResult {
        unsafe send(text.utf8Span.span.bytes, to: address)  // safe: a UInt8 has no padding that would be uninitialized
    }

    /// Sends a string's UTF-8 bytes to the peer that the socket is connected to.
    @discardableResult
    public func send(_ text: String) -> DatagramSendResult { unsafe send(text.utf8Span.span.bytes) }  // safe: as above

    /// Sends an array's bytes to an address.
    @discardableResult
    public func send(_ bytes: [UInt8], to address: SocketAddress) -> DatagramSendResult {
        unsafe send(bytes.span.bytes, to: address)  // safe: as above
    }

    private func enqueue(_ bytes: RawSpan, to address: SocketAddress?, from local: SocketAddress? = nil)
        -> DatagramSendResult
    {
        guard isRegistered else { return .closed }
        if bytes.byteCount > Self.longestIPv4 && isTooLarge(bytes.byteCount, address) {
            return refuseTooLarge(address)
        }
        if !outbox.append(bytes, to: address, from: local) {
            flush()
            guard outbox.append(bytes, to: address, from: local) else {
                state.insert(.owesDrained)
                return drop(.dropped)
            }
        }
        // Almost always: the handler answers, and nothing waits.
        if state == .delivering { return .taken }
        guard state.isDisjoint(with: .cannotSend) else {
            state.insert(.owesDrained)
            return .pressure
        }
        askForFlush()
        return .taken
    }

    @inline(never)
    private func isTooLarge(_ count: Int, _ address: SocketAddress?) -> Bool {
        let isIPv6 = (address ?? peer)?.isIPv6 == true
        return count > (isIPv6 ? Self.longestIPv6 : Self.longestIPv4)
    }

    /// Reported as the kernel would: the handler learns it as it learns of a datagram that is too large for a path.
    @inline(never)
    private func refuseTooLarge(_ address: SocketAddress?) -> DatagramSendResult {
        note(.send, .messageTooLong, address ?? peer)
        askForFlush()
        return drop(.tooLarge)
    }

    @inline(never)
    private func drop(_ result: DatagramSendResult) -> DatagramSendResult {
        counters.dropped += 1
        return result
    }

    /// What the kernel cannot be asked is told as if it had refused it.
    @inline(never)
    private func refuse(_ errno: Errno, _ address: SocketAddress) -> DatagramSendResult {
        guard isRegistered else { return .closed }
        note(.send, errno, address)
        askForFlush()
        return drop(.dropped)
    }

    /// Has the socket flushed when the turn is over; while a batch is delivered, that is done behind it.
    func askForFlush() {
        guard state.isDisjoint(with: [.unflushed, .delivering]) else { return }
        state.insert(.unflushed)
        loop.unflushed.append(self)
    }

    /// Sends what waits, unless the kernel has no room.
    func flush() {
        // What the kernel said of a datagram, unless it meant an earlier one.
        var doubtful: Errno?
        while !outbox.isEmpty && state.isDisjoint(with: .cannotSend) {
            let result = retryingInterrupts { loop.kernel.sendDatagrams(name, outbox) }
            counters.sendCalls &+= 1
            loop.counters.sends &+= 1
            if result.rawValue > 0 {
                noteSent(min(result.rawValue, outbox.count))
                if let errno = doubtful { note(.send, errno, peer) }
                doubtful = nil
            } else {
                doubtful = judge(result.errno ?? .resourceTemporarilyUnavailable, doubtful)
            }
        }
        if let errno = doubtful { note(.send, errno, peer) }
    }

    private func noteSent(_ count: Int) {
        let before = outbox.byteCount
        outbox.removeFirst(count)
        let bytes = before - outbox.byteCount
        counters.sent &+= count
        counters.bytesSent &+= bytes
        loop.counters.bytesSent &+= bytes
    }

    /// The kernel did not take the first datagram. Answers its error if that may be about an earlier one, and so this one
    /// is to be tried again: a connected socket is told then that nobody was there, and the datagram is not even looked at
    /// (udp(7)).
    @inline(never)
    private func judge(_ errno: Errno, _ doubtful: Errno?) -> Errno? {
        switch errno.faultClass {
        case .wouldBlock:
            state.insert(.blocked)
            updateInterest()
            return doubtful
        case .resources:
            // The queue of an interface is full (ENOBUFS) though the socket is writable: no event would tell.
            state.insert(.outOfBuffers)
            retryLater { socket in
                socket.state.remove(.outOfBuffers)
                socket.settle()
            }
            return doubtful
        default:
            if peer != nil && doubtful == nil { return errno }
            // This datagram and no other: too large for the path (EMSGSIZE), no route to there, forbidden.
            note(.send, errno, outbox.address(of: 0) ?? peer)
            outbox.removeFirst(1)
            counters.dropped += 1
            return nil
        }
    }

    /// Keeps an error for the handler.
    func note(_ operation: SocketError.Operation, _ errno: Errno, _ peer: SocketAddress?) {
        counters.failures += 1
        if failures.count < Self.failuresKept {
            failures.append(Failure(operation: operation, errno: errno, peer: peer))
        }
    }
}
