// Hashing a file off the loop, a piece at a time, so that many files have equal shares of the threads, and so that who is
// gone costs one more piece and no more. Reads ahead of what sendfile(2) sends, which then finds it in memory.

import Reactor

/// A file that is being hashed.
final class FileHashing {
    /// Bytes of one piece of work.
    static let pieceSize = 8 * 1024 * 1024
    private let loop: EventLoop
    private let file: any StoredFile
    let hash: RunningHash
    private var isCancelled = false

    init(_ loop: EventLoop, _ file: any StoredFile, _ hash: RunningHash) {
        self.loop = loop
        self.file = file
        self.hash = hash
    }

    /// Goes on to an offset; told the hash of all bytes before it, unless it was cancelled.
    func run(to end: Int, then: @escaping (Result<String, TransferError>) -> Void) {
        if isCancelled { return }
        let (file, hash) = (file, hash)
        let next = min(end, hash.count + Self.pieceSize)
        loop.offloadPatiently {
            () throws(TransferError) in
            try hash.update(from: file, to: next)
        } then: { [self] outcome in
            if isCancelled { return }
            switch outcome {
            case .success where hash.count < end: run(to: end, then: then)
            case .success:
                hash.rest()
                then(.success(hash.hexadecimal))
            case .failure(let error): then(.failure(error))
            }
        }
    }

    /// Stops; nothing is told any more.
    func cancel() { isCancelled = true }
}
