// Sending files between a connection's bytes: by the kernel, from its page cache (sendfile(2)), without a copy in this
// process. They share the queue with bytes, so that everything leaves in the order in which it was written.

import SystemPackage

extension Connection {
    /// The maximum of one call (sendfile(2), "Notes").
    private static let largestCall = 0x7fff_f000

    /// Sends a part of a file, in order with other writes.
    ///
    ///     let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
    ///     connection.sendFile(OwnedDescriptor(file), count: size)
    ///
    /// The connection takes the descriptor and closes it in every case. A file's contents do not count as memory; each
    /// queued file counts as 4 KiB against the output limits, because it holds a descriptor. The file must not be
    /// truncated meanwhile: the connection could not send what was promised to the peer, and would be reset and fail.
    /// Reading from a slow disk blocks the loop, as any blocking call does.
    ///
    /// - Parameters:
    ///   - file: a regular file, open for reading. Its file offset is neither used nor moved.
    ///   - offset: the first byte to send. A negative offset fails the connection, as the end of the file does.
    ///   - count: the number of bytes to send. A negative count fails the connection.
    ///   - completed: called exactly once, on the loop's thread and never inside this call, when the file was sent or
    ///     the connection has ended; in the latter case before ``ConnectionHandler/closed(_:reason:)``. Not called when
    ///     the result is ``WriteResult/closed``.
    /// - Returns: As ``write(_:)-(RawSpan)``. If the result is ``WriteResult/closed``, the file is closed already.
    @discardableResult
    public func sendFile(
        _ file: consuming OwnedDescriptor, from offset: Int64 = 0, count: Int,
        completed: @escaping (SentFile) -> Void = { _ in }
    ) -> WriteResult {
        // The running handler's earlier writes go first.
        if state.contains(.gathering) && !state.contains(.queued) { sendGathered() }
        guard state.isDisjoint(with: .keepsFromWriting) else {
            file.close(loop.kernel)
            return .closed
        }
        guard hasRoom(for: OutputQueue.fileWeight) else {
            file.close(loop.kernel)
            terminate(CloseReason(.outputLimit), losesOutput: true)
            return .closed
        }
        guard offset >= 0 && count >= 0 else {
            file.close(loop.kernel)
            let reason = "invalid file range: \(count) bytes from offset \(offset)"
            let error = SocketError(.send, subject: "\(peer)", reason: reason)
            terminate(CloseReason(.failed, error: error), losesOutput: true)
            return .closed
        }
        loop.blockBrokenPipe()
        openQueue().append(QueuedFile(file, from: offset, count: count, completed: completed))
        flushInNextTurn()
        return resultOfWriting(queuedWeight)
    }

    /// The number of bytes of files that are queued.
    public var queuedFileBytes: Int { queue?.fileByteCount ?? 0 }

    /// Sends at most `limit` bytes of the first file.
    ///
    /// - Returns: The number of bytes taken. Unless the file is done, 0 means that the queue has to wait or the
    ///   connection has ended.
    func sendFirstFile(of queue: OutputQueue, _ file: QueuedFile, atMost limit: Int) -> Int {
        var sent = 0
        if file.left > 0 {
            let offered = min(file.left, limit, Self.largestCall)
            let result = retryingInterrupts {
                loop.sendFile(to: outputDescriptor, from: file.fd, at: file.offset, count: offered)
            }
            if result.rawValue == 0 {
                let error = SocketError(
                    .send, subject: "\(peer)", reason: "the file ended \(file.left) bytes short of its count")
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
