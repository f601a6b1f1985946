// Files between a connection's bytes: sent by the kernel from its page cache (sendfile(2)), without a copy in this process.
// They wait in the same queue as bytes do, so that everything leaves in the order in which it was written.

import SystemPackage

extension Connection {
    /// The most that one call takes (sendfile(2), "Notes").
    private static let largestCall = 0x7fff_f000

    /// Sends a part of a file, after what was written before and before what is written after.
    ///
    ///     let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
    ///     connection.sendFile(OwnedDescriptor(file), count: size)
    ///
    /// The connection takes the descriptor and closes it when it is done with it, however that comes. A file does not count
    /// as memory, whatever its size: each that waits counts as 4 KiB against the output limits, for it is a descriptor. The
    /// file must not get shorter meanwhile: what was promised to the peer could not be sent, so the connection would be
    /// reset and fail. Reading from a slow disk blocks the loop, as it would block any call.
    ///
    /// - Parameters:
    ///   - file: a regular file, open for reading. Its own position is neither used nor moved.
    ///   - offset: where to begin, in bytes; a negative one fails the connection, as a file that has ended does.
    ///   - count: how many bytes; as the offset.
    ///   - completed: told exactly once, on the loop's thread and never inside this call, when the file was sent or the
    ///     connection ended before; in the latter case before ``ConnectionHandler/closed(_:reason:)``. Not called when
    ///     the answer is ``WriteResult/closed``.
    /// - Returns: As ``write(_:)-(RawSpan)``. When it is ``WriteResult/closed``, the file is closed already.
    @discardableResult
    public func sendFile(
        _ file: consuming OwnedDescriptor, from offset: Int64 = 0, count: Int,
        completed: @escaping (SentFile) -> Void = { _ in }
    ) -> WriteResult {
        // What the running handler wrote before goes first.
        if state.contains(.gathering) && !state.contains(.queued) { sendGathered() }
        guard state.isDisjoint(with: .keepsFromWriting) else {
            file.close(loop.kernel)
            return .closed
        }
        guard OutputQueue.fileWeight <= limits.hard - queuedWeight else {
            file.close(loop.kernel)
            terminate(CloseReason(.outputLimit), losesOutput: true)
            return .closed
        }
        guard offset >= 0 && count >= 0 else {
            file.close(loop.kernel)
            let reason = "\(count) bytes from \(offset) on are no part of a file"
            let error = SocketError(.send, subject: "\(peer)", reason: reason)
            terminate(CloseReason(.failed, error: error), losesOutput: true)
            return .closed
        }
        loop.blockBrokenPipe()
        openQueue().append(QueuedFile(file, from: offset, count: count, completed: completed))
        flushInNextTurn()
        return answer(queuedWeight)
    }

    /// Bytes of files that wait to be sent.
    public var queuedFileBytes: Int { queue?.fileByteCount ?? 0 }

    /// Sends from the first file, at most `limit` bytes; answers how many were taken: none, and it is not done, when the
    /// queue has to wait, or the connection has ended.
    func sendFirstFile(of queue: OutputQueue, _ file: QueuedFile, atMost limit: Int) -> Int {
        var sent = 0
        if file.left > 0 {
            let offered = min(file.left, limit, Self.largestCall)
            let result = retryingInterrupts {
                loop.sendFile(to: name, from: file.name, at: file.offset, count: offered)
            }
            if result.rawValue == 0 {
                let error = SocketError(
                    .send, subject: "\(peer)", reason: "the file has ended \(file.left) bytes before what was promised")
                terminate(CloseReason(.failed, error: error), losesOutput: true)
                return 0
            }
            guard let taken = judgeSend(result), taken > 0 else { return 0 }
            file.advance(by: taken)
            sent = taken
        }
        if file.left == 0 {
            queue.removeFirstFile(loop.kernel)
            state.insert(.owesFileOutcome)
        }
        return sent
    }
}
