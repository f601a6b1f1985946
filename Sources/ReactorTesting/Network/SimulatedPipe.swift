// One direction of a connection: the sender's buffer, the network and the receiver's buffer, as one queue of bytes with
// two boundaries in it.
//
//     |  arrived: may be received  |  in flight  |  not sent yet  |
//     ^ head                                                      ^ the writer appends
//
// The sender's buffer holds everything that has not arrived. A segment is transmitted once the receiver has room for
// it.

import Reactor

/// A byte stream from one socket to another.
final class SimulatedPipe {
    private unowned let kernel: SimulatedKernel
    private(set) var reader: SimulatedSocket?
    private(set) var writer: SimulatedSocket?

    private var bytes: [UInt8] = []
    private var head = 0
    /// The number of bytes the reader may receive.
    private(set) var arrived = 0
    private var inFlight = 0
    /// The arrival time of the last segment; none may overtake it.
    private var lastArrival: Int64

    private var endIsQueued = false
    private var endIsOnItsWay = false
    /// Whether the end of the stream has arrived at the reader.
    private(set) var hasEnded = false
    /// Whether a reset has discarded everything that had not arrived.
    private var isCut = false

    init(_ kernel: SimulatedKernel, from writer: SimulatedSocket, to reader: SimulatedSocket, notBefore: Int64) {
        self.kernel = kernel
        self.reader = reader
        self.writer = writer
        lastArrival = notBefore
    }

    /// The number of bytes the reader has not received.
    var held: Int { bytes.count - head }
    /// The number of bytes in the sender's buffer.
    var unacknowledged: Int { held - arrived }
    /// Whether the end of the stream was sent but has not arrived.
    var endIsUnacknowledged: Bool { endIsQueued && !hasEnded && !isCut }
    private var unsent: Int { held - arrived - inFlight }

    /// Breaks the reference cycle when the world is torn down.
    func forget() {
        reader = nil
        writer = nil
    }

    // MARK: Writing

    /// Returns the free space in the sender's buffer.
    func room(_ capacity: Int) -> Int { max(0, capacity - unacknowledged) }

    func append(_ source: UnsafeRawBufferPointer) {
        if head > 65536 && head > bytes.count / 2 {
            bytes.removeFirst(head)
            head = 0
        }
        // Safe: the caller's buffer is valid during the call, and its bytes are copied.
        unsafe bytes.append(contentsOf: source)
        transmit()
    }

    /// Ends the stream: the writer will send no more.
    func end() {
        endIsQueued = true
        transmit()
    }

    // MARK: The network

    /// Transmits as many segments as the receiver has room for, and the end of the stream after the last byte.
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
        if reader.isAbandoned {  // no reader is left: the sender receives a reset (RFC 9293, 3.10.7.1)
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

    /// Resets the stream: bytes that have not arrived are lost.
    func cut() {
        isCut = true
        bytes.removeLast(unacknowledged)
        inFlight = 0
    }

    /// Discards unsent bytes: a reset will follow the segments in flight.
    func dropUnsent() {
        bytes.removeLast(unsent)
        endIsQueued = false
    }

    /// Returns the arrival time of a reset that follows the segments in flight.
    func arrivalOfReset() -> Int64 {
        lastArrival = max(lastArrival, kernel.clock.later(kernel.delay()))
        return lastArrival
    }

    // MARK: Reading

    /// Copies bytes that have arrived, without consuming them.
    func copy(into target: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(target.count, arrived)
        // Safe: `count` is within the target, and the slice is checked against the array, which outlives the closure.
        unsafe bytes.withUnsafeBytes { source in
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[head..<head + count]))
        }
        return count
    }

    /// Copies bytes that have arrived, and consumes them.
    func take(into target: UnsafeMutableRawBufferPointer) -> Int {
        // Safe: `copy(into:)` stays within the bounds of the target, which the caller keeps valid.
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

    /// Whether the arrival of bytes may be postponed: not once the end of the stream is known to follow them.
    var canBeLate: Bool { arrived > 0 && !isCut && !endIsOnItsWay }

    /// Postpones all but the first `count` bytes, as if they had been slower. This makes a receive short without
    /// misreporting what has arrived.
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
