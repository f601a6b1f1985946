// The unsent output of a connection: bytes and files, in order. All bytes are in one ByteQueue; each file records how
// many of them precede it.
//
//     bytes:   |  before file 1  |  before file 2  |  after the last  |
//     files:                     1                 2
//
// A finished file is closed at once; its outcome is kept until the owner can be notified.

import SystemPackage

/// The outcome of sending a file over a connection.
public struct SentFile: Sendable, Hashable {
    /// The number of bytes of the file that the kernel took.
    public let count: Int
    /// Whether the kernel took all of the requested bytes.
    public let isComplete: Bool
}

/// A part of a file that is queued for sending. It owns the file's descriptor.
final class QueuedFile {
    private var descriptor: OwnedDescriptor?
    let fd: FileDescriptor
    private(set) var offset: Int64
    private(set) var left: Int
    private let count: Int
    fileprivate let completed: (SentFile) -> Void
    fileprivate var bytesBefore = 0

    init(
        _ descriptor: consuming OwnedDescriptor, from offset: Int64, count: Int,
        completed: @escaping (SentFile) -> Void
    ) {
        fd = descriptor.fd
        self.descriptor = consume descriptor
        self.offset = offset
        left = count
        self.count = count
        self.completed = completed
    }

    /// Records that `number` bytes were sent.
    func advance(by number: Int) {
        offset &+= Int64(number)
        left -= number
    }

    fileprivate var outcome: SentFile { SentFile(count: count - left, isComplete: left == 0) }

    fileprivate func close(_ kernel: any SystemCalls) { descriptor.take()?.close(kernel) }
}

/// A queue of bytes and files to send. A connection has one only while output or an unreported outcome is left.
final class OutputQueue: ReusableQueue {
    /// The weight of a file in bytes, since its contents are not in memory: 16 files reach the default high watermark.
    static let fileWeight = 4096

    private let bytes = ByteQueue()
    private var files: [QueuedFile] = []
    private var bytesBehindFiles = 0
    private var outcomes: [() -> Void] = []

    /// The bytes of memory that the queue holds.
    var capacity: Int { bytes.capacity }
    /// The number of queued bytes in memory.
    var byteCount: Int { bytes.count }
    /// The number of queued bytes in files.
    var fileByteCount: Int { files.reduce(0) { $0 &+ $1.left } }
    /// The weight that counts against the output limits, in bytes.
    var weight: Int { bytes.count + files.count * Self.fileWeight }
    /// Whether no output is queued.
    var isEmpty: Bool { bytes.isEmpty && files.isEmpty }
    /// The number of bytes that precede the first file.
    var leadingByteCount: Int { files.first?.bytesBefore ?? bytes.count }
    /// The first file.
    var firstFile: QueuedFile? { files.first }
    /// Whether outcomes of finished files have not been reported yet.
    var hasOutcomes: Bool { !outcomes.isEmpty }

    func append(_ source: RawSpan) {
        bytes.append(source)
        if !files.isEmpty { bytesBehindFiles += source.byteCount }
    }

    func append(_ file: QueuedFile) {
        file.bytesBefore = files.isEmpty ? bytes.count : bytesBehindFiles
        bytesBehindFiles = 0
        files.append(file)
    }

    /// Lends the first bytes, at most `limit`.
    func withFirst<Result>(_ limit: Int, _ body: (RawSpan) -> Result) -> Result { bytes.withFirst(limit, body) }

    /// Removes the first `number` bytes, which must precede the first file.
    func removeFirst(_ number: Int) {
        bytes.removeFirst(number)
        files.first?.bytesBefore -= number
    }

    /// Closes and removes the first file, which is finished.
    func removeFirstFile(_ kernel: any SystemCalls) { finish(files.removeFirst(), kernel) }

    /// Discards all queued output; the outcomes of the files remain to be reported.
    func removeAll(_ kernel: any SystemCalls) {
        bytes.removeAll()
        for file in files { finish(file, kernel) }
        files = []
    }

    /// Returns the callbacks that report outcomes, in order, and removes them from the queue.
    func takeOutcomes() -> [() -> Void] {
        defer { outcomes = [] }
        return outcomes
    }

    private func finish(_ file: QueuedFile, _ kernel: any SystemCalls) {
        file.close(kernel)
        let (outcome, completed) = (file.outcome, file.completed)
        outcomes.append { completed(outcome) }
    }
}
