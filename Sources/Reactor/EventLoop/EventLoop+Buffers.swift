// The calls of the hot path, beside the buffers that they use. As methods of the loop they borrow its kernel; a
// connection that fetched it would retain and release it for every message. On Linux they are called directly, so that
// the compiler can inline them; on any other kernel, through the protocol. The calls are the same.

import SystemPackage

extension EventLoop {
    /// Returns a queue for a partial message: a recycled one or a new one.
    func takeQueue() -> ByteQueue { spareInput.take() ?? ByteQueue() }

    /// Recycles a queue that is no longer needed, so that partial messages in every turn allocate nothing.
    func recycle(_ queue: ByteQueue) {
        queue.removeAll()
        spareInput.recycle(queue, now: turnTime)
    }

    /// The bytes of memory that the spare queues of output hold.
    package var spareOutputBytes: Int { spareOutput.byteCount }

    /// Returns a queue for a connection's output: a recycled one or a new one.
    func takeOutputQueue() -> OutputQueue { spareOutput.take() ?? OutputQueue() }

    /// Recycles a queue that is no longer needed, so that queued output in every turn allocates nothing.
    func recycle(_ queue: OutputQueue) {
        queue.removeAll(kernel)
        spareOutput.recycle(queue, now: turnTime)
    }

    /// Receives into the loop's receive buffer.
    @inline(__always)
    func receive(from socket: FileDescriptor) -> SystemResult {
        if let linux { return receiveBuffer.fill { linux.receive(socket, into: $0) } }
        return receiveBuffer.fill { kernel.receive(socket, into: $0) }
    }

    /// Receives at most `limit` bytes into the loop's receive buffer.
    func receive(from socket: FileDescriptor, atMost limit: Int) -> SystemResult {
        receiveBuffer.fill(atMost: limit) { kernel.receive(socket, into: $0) }
    }

    /// Receives at most `limit` bytes, and descriptors with them.
    func receive(from socket: FileDescriptor, atMost limit: Int, _ passed: inout PassedDescriptors) -> SystemResult {
        receiveBuffer.fill(atMost: limit) { kernel.receive(socket, into: $0, &passed) }
    }

    /// Reads at most `limit` bytes of a descriptor that is not a socket into the loop's receive buffer.
    func read(from descriptor: FileDescriptor, atMost limit: Int) -> SystemResult {
        receiveBuffer.fill(atMost: limit) { kernel.read(descriptor, into: $0) }
    }

    /// Appends bytes to the gather buffer; returns `false` if they do not fit.
    @inline(__always)
    func gather(_ bytes: RawSpan) -> Bool {
        let start = gathered
        guard gatherBuffer.store(bytes, at: start) else { return false }
        gathered = start &+ bytes.byteCount
        return true
    }

    /// Appends two pieces to the gather buffer; returns `false`, and takes neither, if they do not both fit.
    @inline(__always)
    func gather(_ first: RawSpan, _ second: RawSpan) -> Bool {
        let start = gathered
        let middle = start &+ first.byteCount
        guard gatherBuffer.store(first, at: start), gatherBuffer.store(second, at: middle) else { return false }
        gathered = middle &+ second.byteCount
        return true
    }

    /// Sends the first `count` bytes of the gather buffer.
    @inline(__always)
    func sendGathered(_ count: Int, to socket: FileDescriptor) -> SystemResult {
        if let linux { return gatherBuffer.lend(count) { linux.send(socket, $0) } }
        return gatherBuffer.lend(count) { kernel.send(socket, $0) }
    }

    /// Returns the processor's tick counter.
    @inline(__always)
    func ticks() -> UInt64 {
        if let linux { return linux.ticks() }
        return kernel.ticks()
    }
}
