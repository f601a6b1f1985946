// Regular files in memory, and sendfile(2).

package import Reactor
public import SystemPackage

/// A regular file.
final class SimulatedRegularFile: SimulatedFile {
    var contents: [UInt8]
    /// The file offset of read(2).
    var position = 0

    init(_ contents: [UInt8]) { self.contents = contents }

    override var readiness: Readiness { [.readable, .writable] }
    override var canBeWatched: Bool { false }
}

extension SimulatedKernel {
    /// Opens a file with these contents. The caller closes the descriptor.
    public func openFile(_ contents: [UInt8]) -> FileDescriptor {
        let result = open(SimulatedRegularFile(contents))
        precondition(result.succeeded, "no descriptor is left for the file")
        return result.descriptor
    }

    /// Truncates a file, as another program would.
    public func truncate(_ file: FileDescriptor, to count: Int) {
        guard let file = self.file(file.rawValue) as? SimulatedRegularFile else { return }
        file.contents.removeLast(max(0, file.contents.count - max(0, count)))
    }

    /// Reads from a regular file (read(2)). The read may be interrupted or short, but never blocks.
    func read(
        _ descriptor: FileDescriptor, _ file: SimulatedRegularFile, into buffer: consuming MutableRawSpan
    ) -> SystemResult {
        if let errno = fault(.read), errno.faultClass != .wouldBlock {
            return leave(.read, descriptor.rawValue, SystemResult(errno))
        }
        var count = max(0, min(buffer.byteCount, file.contents.count - file.position))
        if count > 1, random.chance(faults.shortTransfer) { count = random.number(in: 1...count) }
        // Safe: `count` is within the bounds of both the buffer and the contents.
        unsafe buffer.withUnsafeMutableBytes { target in
            unsafe target.copyBytes(from: file.contents[file.position..<file.position + count])
        }
        file.position += count
        spin.noteProgress()
        return leave(.read, descriptor.rawValue, SystemResult(count))
    }

    /// sendfile(2). A peer that is gone raises `SIGPIPE`, and not blocking it is a violation.
    package func sendFile(to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int)
        -> SystemResult
    {
        let errno = fault(.sendFile)
        guard let target = self.socket(socket, .sendFile) else {
            return leave(.sendFile, socket.rawValue, SystemResult(.badFileDescriptor))
        }
        let result = errno.map { SystemResult($0) } ?? move(to: target, from: file, at: offset, count: count)
        if errno?.faultClass == .wouldBlock { wakeLater(target, .writable) }
        if errno?.faultClass == .peer {
            target.receiveReset(errno!)
            target.pendingError = nil
        }
        if result.errno == .brokenPipe { raiseBrokenPipe() }
        if result.succeeded { spin.noteProgress() }
        return leave(.sendFile, socket.rawValue, result, argument: count)
    }

    private func move(to target: SimulatedSocket, from file: FileDescriptor, at offset: Int64, count: Int)
        -> SystemResult
    {
        guard let opened = self.file(file.rawValue) else {
            violate("sendFile from descriptor \(file.rawValue), which is not open")
            return SystemResult(.badFileDescriptor)
        }
        guard let source = opened as? SimulatedRegularFile, offset >= 0, count >= 0 else {
            return SystemResult(.invalidArgument)
        }
        let start = Int(clamping: min(offset, Int64(source.contents.count)))
        let there = min(count, source.contents.count - start)
        if there == 0 { return SystemResult(0) }
        var limit = Int.max
        if there > 1, random.chance(faults.shortTransfer) {
            limit = random.number(in: 1...there - 1)
            wakeLater(target, .writable)
        }
        // Safe: the slice is checked against the array, which outlives the closure.
        return unsafe source.contents.withUnsafeBytes { bytes in
            unsafe target.send(UnsafeRawBufferPointer(rebasing: bytes[start..<start + there]), limit: limit)
        }
    }

    /// Consumes a pending signal; returns its number, or `EAGAIN`.
    package func takePending(_ signal: Signal) -> SystemResult {
        pendingSignals.remove(signal) == nil
            ? SystemResult(.resourceTemporarilyUnavailable) : SystemResult(Int(signal.rawValue))
    }
}
