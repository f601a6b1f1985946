// One direction of a connection: the sender's buffer, the network and the receiver's buffer, as one queue of bytes with
// two marks in it.
//
//     |  arrived: may be received  |  in flight  |  not sent yet  |
//     ^ head                                                      ^ the writer appends
//
// The sender's buffer holds what has not arrived. A segment goes on its way when the receiver has room for it.

import Reactor

/// A stream of bytes from one socket to another.
final class SimulatedPipe {
    private unowned let kernel: SimulatedKernel
    private(set) var reader: SimulatedSocket?
    private(set) var writer: SimulatedSocket?

    private var bytes: [UInt8] = []
    private var head = 0
    /// What the reader may receive.
    private(set) var arrived = 0
    private var inFlight = 0
    /// The arrival of what was last put on its way; nothing overtakes it.
    private var lastArrival: Int64

    private var endIsQueued = false
    private var endIsOnItsWay = false
    /// The reader knows of the end.
    private(set) var hasEnded = false
    /// A reset has destroyed what was not yet there.
    private var isCut = false

    init(_ kernel: SimulatedKernel, from writer: SimulatedSocket, to reader: SimulatedSocket, notBefore: Int64) {
        self.kernel = kernel
        self.reader = reader
        self.writer = writer
        lastArrival = notBefore
    }

    /// What the reader has not received.
    var held: Int { bytes.count - head }
    /// What the sender's buffer holds.
    var unacknowledged: Int { held - arrived }
    /// The end was sent, and the reader does not know of it.
    var endIsUnacknowledged: Bool { endIsQueued && !hasEnded && !isCut }
    private var unsent: Int { held - arrived - inFlight }

    /// Breaks the circle of references when the world ends.
    func forget() {
        reader = nil
        writer = nil
    }

    // MARK: Writing

    /// Room in the sender's buffer.
    func room(_ capacity: Int) -> Int { max(0, capacity - unacknowledged) }

    func append(_ source: UnsafeRawBufferPointer) {
        if head > 65536 && head > bytes.count / 2 {
            bytes.removeFirst(head)
            head = 0
        }
        unsafe bytes.append(contentsOf: source)
        transmit()
    }

    /// The writer will send no more.
    func end() {
        endIsQueued = true
        transmit()
    }

    // MARK: The network

    /// Puts on their way what the receiver has room for, and the end after the last byte.
    func transmit() {
        guard !isCut, let reader else { return }
        while unsent > 0, arrived + inFlight < reader.receiveBuffer {
            let count = min(unsent, reader.receiveBuffer - arrived - inFlight, kernel.segmentSize())
            inFlight += count
            lastArrival = max(lastArrival, kernel.clock.later(kernel.delay()))
            kernel.clock.at(lastArrival) { [weak self] in self?.arrive(count) }
        }
        guard endIsQueued, !endIsOnItsWay, unsent == 0 else { return }
        endIsOnItsWay = true
        lastArrival = max(lastArrival, kernel.clock.later(kernel.delay()))
        kernel.clock.at(lastArrival) { [weak self] in self?.arriveEnd() }
    }

    private func arrive(_ count: Int) {
        guard !isCut, let reader, let writer else { return }
        inFlight -= count
        arrived += count
        if reader.isAbandoned {  // nobody will ever read it: a reset tells the sender (RFC 9293, 3.10.7.1)
            cut()
            reader.sendReset()
            return
        }
        if kernel.losesConnection() {
            reader.receiveReset()
            writer.receiveReset()
            return
        }
        writer.spaceFreed()
        reader.wake(.readable)
    }

    private func arriveEnd() {
        guard !isCut, let reader else { return }
        hasEnded = true
        reader.endArrived()
    }

    /// A reset: what has not arrived is lost.
    func cut() {
        isCut = true
        bytes.removeLast(unacknowledged)
        inFlight = 0
    }

    /// A reset will follow what is on its way: the rest is lost.
    func dropUnsent() {
        bytes.removeLast(unsent)
        endIsQueued = false
    }

    /// When a reset that follows what is on its way arrives.
    func arrivalOfReset() -> Int64 {
        lastArrival = max(lastArrival, kernel.clock.later(kernel.delay()))
        return lastArrival
    }

    // MARK: Reading

    /// Copies bytes that have arrived, and leaves them there.
    func copy(into target: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(target.count, arrived)
        unsafe bytes.withUnsafeBytes { source in
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[head..<head + count]))
        }
        return count
    }

    /// Takes bytes that have arrived.
    func take(into target: UnsafeMutableRawBufferPointer) -> Int {
        let count = unsafe copy(into: target)
        head += count
        arrived -= count
        if head == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            head = 0
        }
        transmit()
        return count
    }

    /// Whether the world may pretend that bytes have not arrived yet: not if the end is known to follow them.
    var canBeLate: Bool { arrived > 0 && !isCut && !endIsOnItsWay }

    /// Lets all but the first `count` bytes arrive a little later, as if they had been slower: that is how a receive
    /// comes to be short without lying about what is there.
    func delayAll(but count: Int) {
        let late = arrived - count
        guard canBeLate, late > 0 else { return }
        arrived -= late
        inFlight += late
        let time = kernel.clock.later(kernel.delay())
        lastArrival = max(lastArrival, time)
        kernel.clock.at(time) { [weak self] in self?.arrive(late) }
    }
}
