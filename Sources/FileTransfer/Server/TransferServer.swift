// The state that all connections of a server share: the store, permissions, cached hashes, and interrupted uploads that
// can be resumed. Thread-safe.

package import Reactor
internal import ServedFiles
import Synchronization

/// A file transfer server.
package final class TransferServer: Sendable {
    /// Limits of a server's resources.
    package struct Limits: Sendable {
        /// The maximum content of a plain message, in bytes. Default: 256 KiB.
        package var message = 256 * 1024
        /// The maximum number of names in one list. Default: 10,000.
        package var listed = 10_000
        /// The maximum size of one list, in bytes. Default: 512 KiB.
        package var list = 512 * 1024
        /// The maximum number of cached hashes. Default: 1,024.
        package var knownHashes = 1024
        /// The maximum number of interrupted uploads kept. Default: 16.
        package var keptUploads = 16
        /// How long an interrupted upload is kept. Default: 10 min.
        package var keptTime = Duration.seconds(600)
        /// The maximum time from the first byte of a header to its last. Default: 10 s.
        package var headerTime = Duration.seconds(10)
        /// The minimum rate of a frame's content; a slower one ends its connection with `too-slow`. Default: 500 B/s
        /// after 30 s.
        package var uploadRate = MinimumRate()
        /// The maximum number of files being sent, received or kept at once; further requests are refused with `busy`.
        /// Each takes two descriptors besides that of its connection: choose what the connections leave. Default: 256.
        package var openFiles = 256

        /// Creates the default limits.
        package init() {}
    }

    /// An interrupted upload: the partial file, and the hash of it.
    struct KeptUpload: Sendable {
        let sink: any FileSink
        let hash: RunningHash
        let number: Int
    }

    /// The identity of an upload.
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

    /// Creates a server.
    ///
    /// - Parameters:
    ///   - store: its files.
    ///   - hash: the hash implementation.
    ///   - isWritable: whether it accepts uploads.
    ///   - limits: the limits of its resources.
    package init(_ store: any TransferStore, hash: any TransferHash.Type, isWritable: Bool, limits: Limits = Limits()) {
        self.store = store
        hashType = hash
        self.isWritable = isWritable
        self.limits = limits
        openFiles = FileBudget(limits.openFiles)
    }

    /// The number of files open now.
    var takenPlaces: Int { openFiles.openFiles }

    /// Reserves a place for a file about to be opened.
    ///
    /// - Throws: ``TransferError`` with the code ``TransferError/Code/busy`` if all are taken.
    func takePlace() throws(TransferError) -> FilePlace {
        if let place = openFiles.take() { return place }
        throw TransferError(.busy, "too many transfers at once; try again later")
    }

    /// Returns the handler of a new connection.
    package func makeHandler() -> any ConnectionHandler { TransferSession(self) }

    /// Removes all interrupted uploads, and keeps no more from now on.
    package func shutdown() {
        let kept = uploads.withLock { uploads in
            defer { (uploads.kept, uploads.isEnding) = ([:], true) }
            return Array(uploads.kept.values)
        }
        for upload in kept { upload.sink.discard() }
    }

    // MARK: Hashes

    /// Returns the cached hash of a file; after any change, the file has another version.
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

    /// Keeps an upload for a while and returns `true`; on `false`, the caller must discard it.
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

    /// Returns how much of an upload is kept, in bytes, and the hash of that part.
    func kept(_ key: UploadKey) -> (offset: Int, hash: String)? {
        uploads.withLock { uploads in uploads.kept[key].map { ($0.hash.count, $0.hash.hexadecimal) } }
    }

    /// Takes a kept upload in order to resume it.
    func takeKept(_ key: UploadKey) -> KeptUpload? { uploads.withLock { $0.kept.removeValue(forKey: key) } }
}
