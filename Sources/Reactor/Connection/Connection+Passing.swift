// Descriptors that travel with the bytes of a Unix socket (SCM_RIGHTS in unix(7)). A connection that has not asked for them
// never has any: recv(2) makes the kernel drop what comes.

public import SystemPackage

/// What a connection does with the descriptors that it receives.
final class DescriptorTaker {
    unowned let connection: Connection
    let limit: Int
    let take: (consuming OwnedDescriptor) -> Void

    init(_ connection: Connection, limit: Int, take: @escaping (consuming OwnedDescriptor) -> Void) {
        self.connection = connection
        self.limit = limit
        self.take = take
    }
}

extension Connection {
    /// Sends bytes with descriptors, which the peer receives as its own duplicates (`SCM_RIGHTS`, unix(7)).
    ///
    /// The descriptors leave at once, or not at all. They stay the caller's, which may close them afterwards.
    ///
    /// - Parameters:
    ///   - bytes: the bytes that they travel with; at least one.
    ///   - descriptors: 1 to 253 descriptors.
    /// - Throws: ``SocketError`` when they cannot be sent now, with `EAGAIN` while output is queued: try again when
    ///   ``ConnectionHandler/drained(_:)`` was called or ``queuedBytes`` is 0. The connection stays as it is.
    public func write(_ bytes: [UInt8], passing descriptors: [FileDescriptor]) throws(SocketError) {
        precondition(!bytes.isEmpty, "descriptors travel with at least one byte")
        if state.contains(.gathering) && !state.contains(.queued) { sendGathered() }
        var result = SystemResult(.brokenPipe)
        if state.isDisjoint(with: .keepsFromWriting) {
            // Safe: bytes have no padding.
            result =
                state.contains(.queued)
                ? SystemResult(.resourceTemporarilyUnavailable)
                : retryingInterrupts { unsafe loop.kernel.send(fd, bytes.span.bytes, passing: descriptors) }
        }
        if let errno = result.errno { throw SocketError(.send, subject: "\(peer)", errno: errno) }
        _ = judgeSend(result)
        if result.rawValue < bytes.count { write(bytes.span.extracting(result.rawValue...)) }
    }

    /// Receives the descriptors that the peer sends (`SCM_RIGHTS`, unix(7)). Without this call, the kernel drops them.
    ///
    /// They are close-on-exec. A peer that sends more than `limit` with one message is disconnected; what came is closed.
    ///
    /// - Parameters:
    ///   - limit: the maximum number per message; 1 to 253. Default: 16.
    ///   - take: called with each descriptor, before ``ConnectionHandler/received(_:on:)`` with the bytes that it came with.
    ///     It owns the descriptor.
    public func receiveDescriptors(
        upTo limit: Int = 16, _ take: @escaping (consuming OwnedDescriptor) -> Void
    ) {
        guard !state.isClosed, !state.contains(.plain) else { return }
        loop.descriptorTakers[fd.rawValue] = DescriptorTaker(self, limit: limit, take: take)
        state.insert(.takesDescriptors)
    }

    /// Receives bytes and descriptors into the loop's receive buffer, and delivers the descriptors.
    func receivePassed(atMost limit: Int) -> SystemResult {
        guard let taker = loop.descriptorTakers[fd.rawValue] as? DescriptorTaker, taker.connection === self else {
            return retryingInterrupts { loop.receive(from: fd, atMost: limit) }
        }
        var passed = PassedDescriptors(limit: taker.limit)
        let result = retryingInterrupts { loop.receive(from: fd, atMost: limit, &passed) }
        if passed.isTruncated || !state.isOpen {
            for descriptor in passed.descriptors { OwnedDescriptor(descriptor).close(loop.kernel) }
            guard passed.isTruncated else { return result }
            let reason =
                "more than \(passed.limit) descriptors came with one message, or this process has no room for them"
            terminate(CloseReason(.failed, error: SocketError(.receive, subject: "\(peer)", reason: reason)))
            return SystemResult(.resourceTemporarilyUnavailable)
        }
        for descriptor in passed.descriptors { deliver(OwnedDescriptor(descriptor), to: taker) }
        // The closure may have closed the connection.
        return state.isClosed ? SystemResult(.resourceTemporarilyUnavailable) : result
    }

    /// Forgets the closure when the connection has closed.
    func endPassing() {
        guard (loop.descriptorTakers[fd.rawValue] as? DescriptorTaker)?.connection === self else { return }
        loop.descriptorTakers[fd.rawValue] = nil
    }
}
