// A file that arrives: bytes are collected in pieces, which threads of the pool write and hash, one piece after the other,
// while the next ones arrive. What waits is bounded: whoever feeds it is told when it is full, and when it has room again.
//
//     take --> the piece that grows --full--> waiting --one at a time--> written and hashed --> recycled
//                                               |
//                                isFull: the connection is not read meanwhile
//
//     arriving --finish()--> flushing --all is written--> told its hash      commit and discard come after that
//         +-----fails (the disk is full)----------------> failure: what still comes is thrown away

import Reactor
import ServedFiles

/// A file on its way in.
final class IncomingFile {
    /// Bytes of one piece of work; large enough that handing it over costs nothing beside it.
    static let pieceSize = 256 * 1024
    /// Pieces that may wait to be written; one more is being written, and one grows.
    static let mostWaiting = 3

    // Safe to share: a piece is the loop's, or a thread's that writes it, never both's.
    private final class Piece: @unchecked Sendable {
        var bytes: [UInt8] = []
    }

    private let loop: EventLoop
    let sink: any FileSink
    let hash: RunningHash
    /// Bytes that have arrived; the first ones may be from before.
    private(set) var received: Int
    private var growing: Piece?
    private var waiting: [Piece] = []
    private var spare: [Piece] = []
    private var isWorking = false
    private(set) var failure: TransferError?
    private var whenRoom: (() -> Void)?
    private var whenIdle: (() -> Void)?

    /// Goes on behind what the hash has seen.
    init(_ loop: EventLoop, _ sink: any FileSink, _ hash: RunningHash) {
        self.loop = loop
        self.sink = sink
        self.hash = hash
        received = hash.count
    }

    /// Whether no more should be taken now.
    var isFull: Bool { failure == nil && waiting.count >= Self.mostWaiting }

    /// Takes bytes that have arrived; after a failure they are counted and thrown away.
    func take(_ bytes: RawSpan) {
        received += bytes.byteCount
        if failure != nil { return }
        var offset = 0
        while offset < bytes.byteCount {
            let piece = growing ?? newPiece()
            growing = piece
            let count = min(bytes.byteCount - offset, Self.pieceSize - piece.bytes.count)
            // Safe: the bytes are lent, and any byte is one.
            unsafe bytes.extracting(offset..<offset + count).withUnsafeBytes {
                unsafe piece.bytes.append(contentsOf: $0)
            }
            offset += count
            if piece.bytes.count == Self.pieceSize { handOver() }
        }
    }

    /// Calls, once, when there is room again.
    func notifyRoom(_ body: @escaping () -> Void) { whenRoom = body }

    /// Calls, once, when all that was taken is written, or has failed.
    func flush(then: @escaping (TransferError?) -> Void) {
        handOver()
        whenIdle = { [self] in then(failure) }
        work()
    }

    /// Takes the file away when nobody works on it any more. Nothing is told any more.
    func discard() {
        (whenRoom, waiting, growing) = (nil, [], nil)
        if failure == nil { failure = TransferError(.interrupted, "the transfer was given up") }
        whenIdle = { [self] in
            let sink = sink
            loop.offloadPatiently { () throws(TransferError) in
                sink.discard()
            } then: { _ in
            }
        }
        work()
    }

    // MARK: Pieces

    private func newPiece() -> Piece {
        if let piece = spare.popLast() { return piece }
        let piece = Piece()
        piece.bytes.reserveCapacity(Self.pieceSize)
        return piece
    }

    private func handOver() {
        guard let piece = growing else { return }
        growing = nil
        waiting.append(piece)
        work()
    }

    private func work() {
        if isWorking { return }
        if failure != nil || waiting.isEmpty {
            guard growing == nil || failure != nil, let then = whenIdle else { return }
            whenIdle = nil
            return then()
        }
        isWorking = true
        let piece = waiting.removeFirst()
        let (sink, hash) = (sink, hash)
        loop.offloadPatiently { () throws(TransferError) in
            // Safe: the piece is this thread's meanwhile.
            let written = unsafe piece.bytes.withUnsafeBytes { bytes -> Result<Void, TransferError> in
                unsafe hash.writing(bytes, to: sink)
            }
            try written.get()
        } then: { [self] outcome in
            isWorking = false
            if case .failure(let error) = outcome, failure == nil { failure = error }
            piece.bytes.removeAll(keepingCapacity: true)
            spare.append(piece)
            if failure != nil { (waiting, growing) = ([], nil) }
            if let then = whenRoom, !isFull {
                whenRoom = nil
                then()
            }
            work()
        }
    }
}

extension RunningHash {
    /// Writes bytes where this is in the file, and goes on over them.
    fileprivate func writing(_ bytes: UnsafeRawBufferPointer, to sink: any FileSink) -> Result<Void, TransferError> {
        Result { () throws(TransferError) in
            try TransferError.wrap { () throws(FileAccessError) in try unsafe sink.write(bytes, at: count) }
            unsafe update(bytes)
        }
    }
}
