// From the handler to the kernel: datagrams sent while a batch is delivered are gathered and leave in one call after
// it. What the kernel does not accept is queued within limits; beyond them it is dropped and counted. No user code runs
// in here (invariant 5); DatagramSocket+Delivery.swift reports the failures.
//
//     send --in `received`--> outbox --end of the batch--> sendmmsg --EAGAIN--> queued --writable--> sendmmsg
//       |                       |                             +---ENOBUFS--> queued --10 ms-----> sendmmsg
//       +------ elsewhere ------+------ next turn ---------> sendmmsg

import SystemPackage

/// The outcome of sending a datagram. No outcome implies that it arrived.
public struct DatagramSendResult: Sendable, Hashable {
    private let value: UInt8

    /// Accepted; the caller may send on.
    public static let taken = DatagramSendResult(value: 0)
    /// Accepted and queued, because the kernel has no room: stop sending until ``DatagramHandler/drained(_:)``.
    public static let pressure = DatagramSendResult(value: 1)
    /// Not accepted, because the queue is full. Counted in ``DatagramStatistics/dropped``.
    public static let dropped = DatagramSendResult(value: 2)
    /// Not accepted, because no datagram can be that long (65,507 bytes over IPv4, 65,527 over IPv6). Counted in
    /// ``DatagramStatistics/dropped``, and reported to ``DatagramHandler/failed(_:peer:on:)`` (`EMSGSIZE`).
    public static let tooLarge = DatagramSendResult(value: 3)
    /// Not accepted, because the socket is closed.
    public static let closed = DatagramSendResult(value: 4)
    /// Not accepted: a reply above the ``ReplyLimits``. Counted in ``DatagramStatistics/withheld``.
    public static let withheld = DatagramSendResult(value: 5)
}

extension DatagramSocket {
    /// The largest payloads that a 16-bit length allows (RFC 768, RFC 791, RFC 8200).
    private static let longestIPv4 = 65_535 - 20 - 8
    private static let longestIPv6 = 65_535 - 8
    /// The number of errors that are kept for the handler; further ones are only counted.
    private static let failuresKept = 64

    /// Sends a datagram to an address without blocking; the bytes are copied before this returns.
    ///
    /// The datagrams of one callback leave together when it returns, others at the beginning of the next turn. If the
    /// kernel refuses one then, it is reported to ``DatagramHandler/failed(_:peer:on:)``: no route, too large for the
    /// path, a broadcast address without ``DatagramOptions/allowsBroadcast``, an address of another family.
    ///
    /// A datagram to the source of the one that is being handled is a reply: it leaves from the address that the
    /// request was sent to, even if the socket is bound to the wildcard address, and is subject to the
    /// ``ReplyLimits``.
    ///
    /// - Parameters:
    ///   - bytes: the payload.
    ///   - address: the destination.
    /// - Returns: Whether the datagram was accepted.
    @discardableResult
    public func send(_ bytes: RawSpan, to address: SocketAddress) -> DatagramSendResult {
        if address.isUnix { return refuse(.addressFamilyNotSupported, address) }
        if delivered >= 0 && (replyGuard != nil || isWildcard) && inbox.address(of: delivered) == address {
            let local = isWildcard ? localAddress(of: delivered) : nil
            // Safe: the question is read before the inbox is refilled, and is not stored.
            return unsafe reply(bytes, to: address, from: local, question: inbox.bytes(of: delivered).bytes)
        }
        return enqueue(bytes, to: address)
    }

    /// Sends a datagram to an address, from one of this machine's addresses.
    ///
    /// - Parameters:
    ///   - bytes: the payload.
    ///   - address: the destination.
    ///   - local: the source address, usually an ``arrivalAddress``; its port is ignored, the socket's is used. It has
    ///     an
    ///     effect only on a socket bound to the wildcard address; `nil` leaves the choice to the kernel.
    /// - Returns: Whether the datagram was accepted.
    @discardableResult
    public func send(_ bytes: RawSpan, to address: SocketAddress, from local: SocketAddress?) -> DatagramSendResult {
        if address.isUnix { return refuse(.addressFamilyNotSupported, address) }
        return enqueue(bytes, to: address, from: local)
    }

    /// Sends an array's bytes to an address, from one of this machine's addresses.
    @discardableResult
    public func send(_ bytes: [UInt8], to address: SocketAddress, from local: SocketAddress?) -> DatagramSendResult {
        // Safe: a UInt8 has no padding that would be uninitialized.
        unsafe send(bytes.span.bytes, to: address, from: local)
    }

    /// The local address that the datagram being handled was sent to, for use with a reply that is sent later.
    ///
    /// `nil` outside ``DatagramHandler/received(_:from:on:)``, and when the datagram was sent to an IPv6 group.
    public var arrivalAddress: SocketAddress? {
        guard delivered >= 0 else { return nil }
        return isWildcard ? localAddress(of: delivered) : address
    }

    private func localAddress(of index: Int) -> SocketAddress? {
        guard var local = inbox.localAddress(of: index), !local.isMulticast, !local.isWildcard else { return nil }
        local.port = address.port
        return local
    }

    /// Sends a reply if the limits permit it.
    func reply(_ bytes: RawSpan, to source: SocketAddress, from local: SocketAddress?, question: RawSpan)
        -> DatagramSendResult
    {
        if let replyGuard, !replyGuard.admits(bytes, to: source, question: question, at: loop.now) {
            counters.withheld += 1
            return .withheld
        }
        return enqueue(bytes, to: source, from: local)
    }

    /// Sends a datagram to the peer of a connected socket.
    @discardableResult
    public func send(_ bytes: RawSpan) -> DatagramSendResult { enqueue(bytes, to: nil) }

    /// Sends a string's UTF-8 bytes to an address.
    @discardableResult
    public func send(_ text: String, to address: SocketAddress) -> DatagramSendResult {
        unsafe send(text.utf8Span.span.bytes, to: address)  // safe: a UInt8 has no padding that would be uninitialized
    }

    /// Sends a string's UTF-8 bytes to the peer of a connected socket.
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
        // The common case: a reply from a callback, with an empty queue.
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

    /// Reports an oversized datagram as the kernel would report one that is too large for the path.
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

    /// Reports an address that the kernel cannot be given as if the kernel had refused it.
    @inline(never)
    private func refuse(_ errno: Errno, _ address: SocketAddress) -> DatagramSendResult {
        guard isRegistered else { return .closed }
        note(.send, errno, address)
        askForFlush()
        return drop(.dropped)
    }

    /// Schedules a flush for the next turn; a batch being delivered is flushed after it anyway.
    func askForFlush() {
        guard state.isDisjoint(with: [.unflushed, .delivering]) else { return }
        state.insert(.unflushed)
        loop.unflushed.append(self)
    }

    /// Sends queued datagrams until the kernel has no room.
    func flush() {
        // The error of the first queued datagram, which may be about an earlier one.
        var doubtful: Errno?
        while !outbox.isEmpty && state.isDisjoint(with: .cannotSend) {
            let result = retryingInterrupts { loop.kernel.sendDatagrams(fd, outbox) }
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

    /// Handles the kernel's refusal of the first queued datagram.
    ///
    /// A connected socket reports an earlier datagram's error (`ECONNREFUSED`) in place of sending this one (udp(7)).
    /// - Returns: The error if it may be about an earlier datagram, so that this one is tried again; `nil` otherwise.
    @inline(never)
    private func judge(_ errno: Errno, _ doubtful: Errno?) -> Errno? {
        switch errno.faultClass {
        case .wouldBlock:
            state.insert(.blocked)
            updateInterest()
            return doubtful
        case .resources:
            // An interface's queue is full (ENOBUFS) while the socket is writable, so no event reports when it has
            // room.
            state.insert(.outOfBuffers)
            retryLater { socket in
                socket.state.remove(.outOfBuffers)
                socket.settle()
            }
            return doubtful
        default:
            if peer != nil && doubtful == nil { return errno }
            // About this datagram alone: too large for the path (EMSGSIZE), no route, forbidden.
            note(.send, errno, outbox.address(of: 0) ?? peer)
            outbox.removeFirst(1)
            counters.dropped += 1
            return nil
        }
    }

    /// Records an error for the handler.
    func note(_ operation: SocketError.Operation, _ errno: Errno, _ peer: SocketAddress?) {
        counters.failures += 1
        if failures.count < Self.failuresKept {
            failures.append(Failure(operation: operation, errno: errno, peer: peer))
        }
    }
}
