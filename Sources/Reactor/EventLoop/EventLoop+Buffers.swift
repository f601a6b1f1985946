// The calls of the hot path, beside the buffers that they use. As methods of the loop they borrow its kernel; asked for
// from a connection, it would be retained and released at every message. On Linux they are called directly, which the
// compiler resolves and puts in place; on any other kernel, through the protocol. The calls are the same.

import SystemPackage

extension EventLoop {
    private static let spareQueues = 64
    private static let spareQueueCapacity = 16 * 1024

    /// A queue for input that waits for the rest of its message: one that another is done with, or a new one.
    func takeQueue() -> ByteQueue { queues.popLast() ?? ByteQueue() }

    /// Takes back a queue that is no longer needed, so that pieces in every turn allocate nothing.
    func recycle(_ queue: ByteQueue) {
        guard queues.count < Self.spareQueues else { return }
        queue.removeAll(keeping: Self.spareQueueCapacity)
        queues.append(queue)
    }

    /// A queue for a connection that has something to send waiting: one that another is done with, or a new one.
    func takeOutputQueue() -> OutputQueue { outputQueues.popLast() ?? OutputQueue() }

    /// Takes back a queue that is no longer needed, so that writing in every turn allocates nothing.
    func recycle(_ queue: OutputQueue) {
        guard outputQueues.count < Self.spareQueues else { return }
        queue.removeAll(kernel, keeping: Self.spareQueueCapacity)
        outputQueues.append(queue)
    }

    /// Receives into the loop's one buffer.
    @inline(__always)
    func receive(from socket: FileDescriptor) -> SystemResult {
        if let linux { return receiveBuffer.fill { linux.receive(socket, into: $0) } }
        return receiveBuffer.fill { kernel.receive(socket, into: $0) }
    }

    /// Receives into the loop's one buffer, and no more than `limit` bytes.
    func receive(from socket: FileDescriptor, atMost limit: Int) -> SystemResult {
        receiveBuffer.fill(atMost: limit) { kernel.receive(socket, into: $0) }
    }

    /// Copies bytes behind those that were gathered; `false` if they do not fit.
    @inline(__always)
    func gather(_ bytes: RawSpan) -> Bool {
        let start = gathered
        guard gatherBuffer.store(bytes, at: start) else { return false }
        gathered = start &+ bytes.byteCount
        return true
    }

    /// Copies two pieces behind those that were gathered; `false`, and neither is taken, if they do not both fit.
    @inline(__always)
    func gather(_ first: RawSpan, _ second: RawSpan) -> Bool {
        let start = gathered
        let middle = start &+ first.byteCount
        guard gatherBuffer.store(first, at: start), gatherBuffer.store(second, at: middle) else { return false }
        gathered = middle &+ second.byteCount
        return true
    }

    /// Sends the first `count` bytes that were gathered.
    @inline(__always)
    func sendGathered(_ count: Int, to socket: FileDescriptor) -> SystemResult {
        if let linux { return gatherBuffer.lend(count) { linux.send(socket, $0) } }
        return gatherBuffer.lend(count) { kernel.send(socket, $0) }
    }

    /// The tick counter.
    @inline(__always)
    func ticks() -> UInt64 {
        if let linux { return linux.ticks() }
        return kernel.ticks()
    }
}
