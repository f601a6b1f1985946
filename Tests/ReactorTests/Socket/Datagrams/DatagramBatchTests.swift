// The memory that datagrams are received into and sent from: bounds, order, and room that is used again.

import Reactor
import Testing

@Suite(.timeLimit(.minutes(20))) struct DatagramBatchTests {
    private func bytes(_ outbox: DatagramOutbox, _ index: Int) -> [UInt8] {
        outbox.withBytes(of: index) { unsafe $0.withUnsafeBytes { unsafe Array($0) } }
    }

    private func append(_ outbox: DatagramOutbox, _ bytes: [UInt8], _ address: SocketAddress?) -> Bool {
        unsafe outbox.append(bytes.span.bytes, to: address)
    }

    @Test func anInboxCutsWhatIsTooLongAndTakesNoMoreThanItHasRoomFor() {
        let inbox = DatagramInbox(capacity: 3, datagramSize: 10)
        for count in [0, 10, 11] { #expect(unsafe inbox.append(pattern(count).span.bytes, from: .loopback(port: 7))) }
        #expect(unsafe !inbox.append(pattern(1).span.bytes, from: .loopback(port: 7)))
        #expect((0..<3).map { inbox.withBytes(of: $0) { $0.byteCount } } == [0, 10, 10])
        #expect((0..<3).map(inbox.isTruncated) == [false, false, true])
        inbox.removeAll()
        #expect(inbox.count == 0)
    }

    @Test(arguments: ["1.2.3.4:5", "[2001:db8::1:2]:65535", "255.255.255.255:1"])
    func addressesComeBackAsTheyWere(_ text: String) throws {
        let address = try SocketAddress(text)
        let inbox = DatagramInbox(capacity: 1, datagramSize: 1)
        unsafe inbox.append(pattern(1).span.bytes, from: address)
        #expect(inbox.address(of: 0) == address)
        let outbox = DatagramOutbox(capacity: 2, byteCapacity: 1)
        #expect(append(outbox, [1], address) && append(outbox, [], nil))
        #expect(outbox.address(of: 0) == address && outbox.address(of: 1) == nil)
    }

    @Test func anOutboxIsBoundedInNumberAndInBytes() {
        let outbox = DatagramOutbox(capacity: 3, byteCapacity: 10)
        #expect(append(outbox, pattern(9), nil))
        #expect(!append(outbox, pattern(2), nil))
        #expect(append(outbox, pattern(1), nil) && append(outbox, [], nil))
        #expect(!append(outbox, [], nil))
        #expect(outbox.count == 3 && outbox.byteCount == 10)
    }

    /// Against an array, through every way of filling and emptying.
    @Test func anOutboxIsFirstInFirstOut() {
        var random = SystemRandomNumberGenerator()
        let outbox = DatagramOutbox(capacity: 7, byteCapacity: 100)
        var model: [([UInt8], SocketAddress?)] = []
        for step in 0..<20_000 {
            if Bool.random(using: &random) {
                let piece = pattern(Int.random(in: 0...40, using: &random), from: step)
                let address = step % 3 == 0 ? nil : SocketAddress.loopback(port: UInt16(truncatingIfNeeded: step))
                let fits = model.count < 7 && model.reduce(0) { $0 + $1.0.count } + piece.count <= 100
                #expect(append(outbox, piece, address) == fits)
                if fits { model.append((piece, address)) }
            } else {
                let count = Int.random(in: 0...model.count, using: &random)
                outbox.removeFirst(count)
                model.removeFirst(count)
            }
            guard outbox.count == model.count, outbox.isEmpty == model.isEmpty else { return #expect(Bool(false)) }
            for (index, (piece, address)) in model.enumerated() {
                guard bytes(outbox, index) == piece, outbox.address(of: index) == address else {
                    Issue.record("step \(step): datagram \(index) of \(model.count) differs")
                    return
                }
            }
        }
    }
}
