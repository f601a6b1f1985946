// A file being received: input is collected in pieces, which threads of the pool write and hash one by one while the
// next ones arrive. The queue is bounded: the caller checks whether it is full, and is notified when it has room again.
//
//     take --> the growing piece --full--> waiting --one at a time--> written and hashed --> recycled
//                                             |
//                                isFull: the connection is not read meanwhile
//
//     arriving --flush()--> flushing --all written--> calls back             commit and discard come after that
//         +-----fails (the disk is full)------------> failure: further input is discarded

internal import Reactor
internal import ServedFiles

/// A file being received.
final class IncomingFile {
    /// The bytes per piece of work; large enough that the cost of handing a piece over is negligible.
    static let pieceSize = 256 * 1024
    /// The maximum number of pieces queued; another one is being written, and another one grows.
    static let mostWaiting = 3

    // Safe to share: a piece belongs either to the loop or to the thread that writes it, never to both.
    private final class Piece: @unchecked Sendable {
        var bytes: [UInt8] = []
    }

    private let loop: EventLoop
    let sink: any FileSink
    let hash: RunningHash
    /// The number of bytes received, including those of an earlier attempt.
    private(set) var received: Int
    private var growing: Piece?
    private var waiting: [Piece] = []
    private var spare: [Piece] = []
    private var isWorking = false
    private(set) var failure: TransferError?
    private var whenRoom: (() -> Void)?
    private var whenIdle: (() -> Void)?

    /// Creates a file that continues where the hash ends.
    init(_ loop: EventLoop, _ sink: any FileSink, _ hash: RunningHash) {
        self.loop = loop
        self.sink = sink
        self.hash = hash
        received = hash.count
    }

    /// Whether the queue is full, so that reading should pause.
    var isFull: Bool { failure == nil && waiting.count >= Self.mostWaiting }

    /// Takes input; after a failure, it is counted and discarded.
    func take(_ bytes: RawSpan) {
        received += bytes.byteCount
        if failure != nil { return }
        var offset = 0
        while offset < bytes.byteCount {
            let piece = growing ?? newPiece()
            growing = piece
            let count = min(bytes.byteCount - offset, Self.pieceSize - piece.bytes.count)
            // Safe: the bytes are copied during the call.
            unsafe bytes.extracting(offset..<offset + count).withUnsafeBytes {
                unsafe piece.bytes.append(contentsOf: $0)
            }
            offset += count
            if piece.bytes.count == Self.pieceSize { handOver() }
        }
    }

    /// Calls back once when the queue has room again.
    func notifyRoom(_ body: @escaping () -> Void) { whenRoom = body }

    /// Calls back once when all input has been written, or writing has failed.
    func flush(then: @escaping (TransferError?) -> Void) {
        handOver()
        whenIdle = { [self] in then(failure) }
        work()
    }

    /// Discards the file once no work on it is in progress. No earlier callback runs any more.
    func discard() {
        (whenRoom, waiting, growing) = (nil, [], nil)
        if failure == nil { failure = TransferError(.interrupted, "the transfer was canceled") }
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
            // Safe: the piece belongs to this thread meanwhile.
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
    /// Writes bytes at the current position of the hash, then hashes them.
    fileprivate func writing(_ bytes: UnsafeRawBufferPointer, to sink: any FileSink) -> Result<Void, TransferError> {
        Result { () throws(TransferError) in
            // Safe: the caller's bytes are valid for both calls.
            try TransferError.wrap { () throws(FileAccessError) in try unsafe sink.write(bytes, at: count) }
            unsafe update(bytes)
        }
    }
}
