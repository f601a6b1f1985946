// What a connection still has to send: bytes, and files among them, in order. All bytes are in one ByteQueue; each file
// knows how many of them go before it.
//
//     bytes:   |  before file 1  |  before file 2  |  behind the last  |
//     files:                     1                 2
//
// A file that is done is closed at once; what became of it is kept until somebody may be told.

import SystemPackage

/// What became of a file that a connection was given to send.
public struct SentFile: Sendable, Hashable {
    /// How many bytes of it the kernel took.
    public let count: Int
    /// Whether that was all.
    public let isComplete: Bool
}

/// A part of a file that waits to be sent, and the duty to close it.
final class QueuedFile {
    private var descriptor: OwnedDescriptor?
    let name: FileDescriptor
    private(set) var offset: Int64
    private(set) var left: Int
    private let count: Int
    fileprivate let completed: (SentFile) -> Void
    fileprivate var bytesBefore = 0

    init(
        _ descriptor: consuming OwnedDescriptor, from offset: Int64, count: Int,
        completed: @escaping (SentFile) -> Void
    ) {
        name = descriptor.name
        self.descriptor = consume descriptor
        self.offset = offset
        left = count
        self.count = count
        self.completed = completed
    }

    /// Bytes of it were sent.
    func advance(by number: Int) {
        offset &+= Int64(number)
        left -= number
    }

    fileprivate var outcome: SentFile { SentFile(count: count - left, isComplete: left == 0) }

    fileprivate func close(_ kernel: any SystemCalls) { descriptor.take()?.close(kernel) }
}

/// Bytes and files that wait to be sent. A connection has one only while something waits, or is still to be told.
final class OutputQueue {
    /// What a file counts for among the bytes that wait, its own not being in memory: 16 of them are pressure.
    static let fileWeight = 4096

    private let bytes = ByteQueue()
    private var files: [QueuedFile] = []
    private var bytesBehindFiles = 0
    private var outcomes: [() -> Void] = []

    /// Bytes of memory that wait.
    var byteCount: Int { bytes.count }
    /// Bytes of files that wait.
    var fileByteCount: Int { files.reduce(0) { $0 &+ $1.left } }
    /// What counts against the limits of output.
    var weight: Int { bytes.count + files.count * Self.fileWeight }
    /// Whether nothing waits to be sent.
    var isEmpty: Bool { bytes.isEmpty && files.isEmpty }
    /// Bytes that go before the first file.
    var leadingByteCount: Int { files.first?.bytesBefore ?? bytes.count }
    /// The first file.
    var firstFile: QueuedFile? { files.first }
    /// Whether files are done of which nobody has been told.
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

    /// Forgets the first `number` bytes; there is no file among them.
    func removeFirst(_ number: Int) {
        bytes.removeFirst(number)
        files.first?.bytesBefore -= number
    }

    /// The first file is done.
    func removeFirstFile(_ kernel: any SystemCalls) { finish(files.removeFirst(), kernel) }

    /// Forgets all that waits; what became of the files is still to be told.
    func removeAll(_ kernel: any SystemCalls, keeping limit: Int) {
        bytes.removeAll(keeping: limit)
        for file in files { finish(file, kernel) }
        files = []
    }

    /// What is to be told, in order; it is the caller's from now on.
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
