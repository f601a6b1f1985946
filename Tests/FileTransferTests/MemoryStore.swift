// A store in memory, with a disk that can be full, for worlds that have no file system.

import Reactor
import ReactorTesting
import ServedFiles
import Synchronization
import Testing

@testable import FileTransfer

/// Files of a simulated world.
// Safe to share: a simulated world has one thread.
final class MemoryStore: TransferStore, @unchecked Sendable {
    let kernel: SimulatedKernel
    var files: [String: [UInt8]] = [:]
    /// Files that have begun and are neither committed nor discarded.
    var unfinished = 0
    /// Bytes that fit on the disk, beside those that are there.
    var room = Int.max

    init(_ kernel: SimulatedKernel) { self.kernel = kernel }

    func open(_ name: String) throws(FileAccessError) -> any StoredFile {
        guard let contents = files[name] else { throw FileAccessError(.notFound) }
        return MemoryFile(kernel, contents)
    }

    func create(_ name: String) throws(FileAccessError) -> any FileSink {
        if name.contains("/") || name.isEmpty { throw FileAccessError(.invalidName) }
        unfinished += 1
        return MemorySink(self, name)
    }

    func entry(_ name: String) throws(FileAccessError) -> DirectoryEntry? {
        files[name].map { DirectoryEntry(name: Array(name.utf8), kind: .file, size: $0.count, modified: 1) }
    }

    func entries(of name: String, limit: Int) throws(FileAccessError) -> ([DirectoryEntry], hasMore: Bool) {
        if name != "" { throw FileAccessError(.notFound) }
        let names = files.keys.sorted()
        var entries: [DirectoryEntry] = []
        for name in names.prefix(limit) { entries += try entry(name).map { [$0] } ?? [] }
        return (entries, names.count > limit)
    }
}

// Safe to share: as the store.
final class MemoryFile: StoredFile, @unchecked Sendable {
    private let kernel: SimulatedKernel
    private let contents: [UInt8]
    var size: Int { contents.count }
    let modified = 1
    let version: FileVersion? = nil

    init(_ kernel: SimulatedKernel, _ contents: [UInt8]) {
        self.kernel = kernel
        self.contents = contents
    }

    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(FileAccessError) -> Int {
        let count = min(target.count, max(0, contents.count - offset))
        unsafe target.copyBytes(from: contents[offset..<offset + count])
        return count
    }

    func duplicate() throws(FileAccessError) -> OwnedDescriptor { OwnedDescriptor(kernel.openFile(contents)) }
}

// Safe to share: as the store.
final class MemorySink: DownloadTarget, @unchecked Sendable {
    private let store: MemoryStore
    private let name: String
    var bytes: [UInt8] = []
    private var isOver = false

    init(_ store: MemoryStore, _ name: String) {
        self.store = store
        self.name = name
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileAccessError) {
        if bytes.count > store.room { throw FileAccessError(.noSpace) }
        store.room -= bytes.count
        #expect(offset == self.bytes.count && !isOver)
        unsafe self.bytes.append(contentsOf: bytes)
    }

    func commit(replacing: Bool) throws(FileAccessError) {
        over()
        if !replacing && store.files[name] != nil { throw FileAccessError(.exists) }
        store.files[name] = bytes
    }

    func discard() { over() }

    private func over() {
        #expect(!isOver)
        isOver = true
        store.unfinished -= 1
    }

    func partial() throws(FileAccessError) -> any StoredFile { MemoryFile(store.kernel, bytes) }
    func reset() throws(FileAccessError) { bytes = [] }
}

/// A hash for worlds in which nobody forges: what it says depends on every byte and its place.
struct PlainHash: TransferHash {
    private var state: UInt64 = 14_695_981_039_346_656_037

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        for index in 0..<bytes.count { state = (state ^ UInt64(unsafe bytes[index])) &* 1_099_511_628_211 }
    }

    var hexadecimal: String { String(state, radix: 16) }

    static func of(_ bytes: [UInt8]) -> String {
        var hash = PlainHash()
        unsafe bytes.withUnsafeBytes { unsafe hash.update($0) }
        return hash.hexadecimal
    }
}
