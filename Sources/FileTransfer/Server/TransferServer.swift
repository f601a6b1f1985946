// What all connections of a server have in common: the store, what may be done to it, hashes that are known already, and
// uploads that were interrupted and may be gone on with. Any loop may use it.

import Reactor
import ServedFiles
import Synchronization

/// A server of files.
public final class TransferServer: Sendable {
    /// Bounds of what a server keeps.
    public struct Limits: Sendable {
        /// The longest content of a plain message, in bytes. Default: 256 KiB.
        public var message = 256 * 1024
        /// Names in one list. Default: 10,000.
        public var listed = 10_000
        /// Bytes of one list. Default: 512 KiB.
        public var list = 512 * 1024
        /// Hashes of files that are remembered. Default: 1,024.
        public var knownHashes = 1024
        /// Interrupted uploads that are kept. Default: 16.
        public var keptUploads = 16
        /// How long they are kept. Default: 10 min.
        public var keptTime = Duration.seconds(600)
        /// How long a header may take from its first byte to its last. Default: 10 s.
        public var headerTime = Duration.seconds(10)
        /// How fast the content of a frame has to come in; a slower one ends its connection with `too-slow`. Default: 500
        /// bytes per second after 30 s.
        public var uploadRate = MinimumRate()
        /// Files that are sent, received or kept at once; more are refused with `busy`. Each takes two descriptors besides
        /// that of its connection: set it to what the connections leave of them. Default: 256.
        public var openFiles = 256

        /// The defaults.
        public init() {}
    }

    /// An interrupted upload: what has arrived, and the hash so far.
    struct KeptUpload: Sendable {
        let sink: any FileSink
        let hash: RunningHash
        let number: Int
    }

    /// What an upload is known by.
    struct UploadKey: Hashable, Sendable {
        let name: String
        let size: Int
    }

    let store: any TransferStore
    let isWritable: Bool
    let hashType: any TransferHash.Type
    let limits: Limits
    private let openFiles: FileBudget
    private let hashes = Mutex<[FileVersion: String]>([:])
    private let uploads = Mutex<(kept: [UploadKey: KeptUpload], next: Int, isEnding: Bool)>(([:], 0, false))

    /// A server.
    ///
    /// - Parameters:
    ///   - store: its files.
    ///   - hash: what computes hashes.
    ///   - isWritable: whether it takes files.
    ///   - limits: what it keeps.
    public init(_ store: any TransferStore, hash: any TransferHash.Type, isWritable: Bool, limits: Limits = Limits()) {
        self.store = store
        hashType = hash
        self.isWritable = isWritable
        self.limits = limits
        openFiles = FileBudget(limits.openFiles)
    }

    /// Files that are open now.
    var takenPlaces: Int { openFiles.openFiles }

    /// A place for a file that is about to be opened.
    func takePlace() throws(TransferError) -> FilePlace {
        if let place = openFiles.take() { return place }
        throw TransferError(.busy, "too many transfers at once; try again later")
    }

    /// The handler of a new connection.
    public func makeHandler() -> any ConnectionHandler { TransferSession(self) }

    /// Removes what is kept of interrupted uploads, and keeps none from now on.
    public func shutdown() {
        let kept = uploads.withLock { uploads in
            defer { (uploads.kept, uploads.isEnding) = ([:], true) }
            return Array(uploads.kept.values)
        }
        for upload in kept { upload.sink.discard() }
    }

    // MARK: Hashes

    /// The hash of a file that was computed before; a file that was changed meanwhile has another version.
    func knownHash(of version: FileVersion?) -> String? {
        guard let version else { return nil }
        return hashes.withLock { $0[version] }
    }

    func remember(_ hash: String, of version: FileVersion?) {
        guard let version else { return }
        hashes.withLock { hashes in
            if hashes.count >= limits.knownHashes { hashes = [:] }
            hashes[version] = hash
        }
    }

    // MARK: Interrupted uploads

    /// Keeps an upload for a while; answers whether it did. Who is not kept is to be discarded.
    func keep(_ sink: any FileSink, _ hash: RunningHash, _ key: UploadKey, _ loop: EventLoop) -> Bool {
        let number: Int? = uploads.withLock { uploads in
            guard !uploads.isEnding, uploads.kept.count < limits.keptUploads, uploads.kept[key] == nil else {
                return nil
            }
            uploads.next += 1
            uploads.kept[key] = KeptUpload(sink: sink, hash: hash, number: uploads.next)
            return uploads.next
        }
        guard let number else { return false }
        loop.schedule(after: limits.keptTime) { [self, unowned loop] in
            let late = uploads.withLock { uploads -> KeptUpload? in
                uploads.kept[key]?.number == number ? uploads.kept.removeValue(forKey: key) : nil
            }
            guard let sink = late?.sink else { return }
            loop.offloadPatiently { () throws(TransferError) in
                sink.discard()
            } then: { _ in
            }
        }
        return true
    }

    /// How much of an upload is kept, and the hash of that.
    func kept(_ key: UploadKey) -> (offset: Int, hash: String)? {
        uploads.withLock { uploads in uploads.kept[key].map { ($0.hash.count, $0.hash.hexadecimal) } }
    }

    /// Takes an upload that is kept, to go on with it.
    func takeKept(_ key: UploadKey) -> KeptUpload? { uploads.withLock { $0.kept.removeValue(forKey: key) } }
}
