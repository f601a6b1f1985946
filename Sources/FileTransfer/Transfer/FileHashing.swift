// Hashes a file off the loop, piece by piece, so that many files share the threads fairly and a disconnected client
// costs at most one more piece. Reads ahead of sendfile(2), which then finds the file in the page cache.

internal import Reactor

/// A file being hashed.
final class FileHashing {
    /// The bytes hashed per piece of work.
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

    /// Hashes up to an offset, then calls back with the hash of all bytes before it; never after cancellation.
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

    /// Cancels hashing; no callback runs afterwards.
    func cancel() { isCancelled = true }
}
