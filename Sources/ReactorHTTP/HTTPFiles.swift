// Files as answers: which file a path means, whether the client has it already, which part of it is sent. Small files come
// out of the cache and are looked at once a second; large ones are opened for each request. It knows no connection.
//
//     path --in the cache, looked at within a second------------------------------> answer
//       |        +--older--> opened: unchanged ----------------------------------> answer
//       +--not--> opened --small--> read, kept ----------------------------------> answer
//                    |  +---large------------------------------------------------> head, and a part of the file
//                    +--a directory: redirected to its path with a slash; index.html, or a listing, or not found

import HTTPTypes
import Reactor
import ServedFiles
import SystemPackage

/// The files of a server, as answers.
final class HTTPFiles {
    /// How long a file that was looked at counts as unchanged, in nanoseconds.
    private static let validity: Int64 = 1_000_000_000

    private let store: any FileStore
    private let kernel: any SystemCalls
    private let clock: HTTPClock
    private let listsDirectories: Bool
    private let openFiles: FileBudget
    private let cache = FileCache()

    init(
        _ store: any FileStore, kernel: any SystemCalls, clock: HTTPClock, listsDirectories: Bool, openFiles: FileBudget
    ) {
        self.openFiles = openFiles
        self.store = store
        self.kernel = kernel
        self.clock = clock
        self.listsDirectories = listsDirectories
    }

    /// The file at this path, if its answer stands ready.
    @inline(__always)
    func ready(_ bytes: RawSpan, _ path: Range<Int>, at now: MonotonicTime) -> CachedFile? {
        guard let file = cache.file(bytes, path), now.nanoseconds &- file.checked.nanoseconds < Self.validity else {
            return nil
        }
        file.update(clock)
        return file
    }

    /// Answers a GET or a HEAD.
    ///
    /// - Parameters:
    ///   - bytes: what the head was parsed from.
    ///   - closes: whether the connection ends with the answer.
    func reply(
        to head: HTTPRequestHead, _ bytes: RawSpan, closes: Bool, at now: MonotonicTime
    ) throws(HTTPRefusal) -> HTTPReply {
        var path = try HTTPPath.decode(bytes, head.path.range, isEncoded: head.pathIsEncoded)
        let isDirectory = path.last == UInt8(ascii: "/")
        if isDirectory { path += Array("index.html".utf8) }
        let answer = HTTPFileAnswer(isHead: head.method == .head, closes: closes, clock: clock)
        do throws(FileAccessError) {
            if let file = try cached(path, at: now) {
                return answer.reply(condition(head, bytes, file.facts), file)
            }
            let file = try store.open(path)
            if file.size > FileCache.largestFile {
                let facts = HTTPFileFacts(path, file.version)
                return answer.reply(condition(head, bytes, facts), file, facts, kernel, openFiles)
            }
            let kept = try keep(file, path, at: now)
            return answer.reply(condition(head, bytes, kept.facts), kept)
        } catch {
            let answer = self.answer(to: error, path, isDirectory, head, bytes)
            return .bytes(answer.bytes(date: clock.text, closes: closes, isHead: head.method == .head))
        }
    }

    private func condition(_ head: HTTPRequestHead, _ bytes: RawSpan, _ facts: HTTPFileFacts) -> HTTPCondition {
        guard head.hasConditions else { return .send(.whole) }
        return HTTPCondition(head, bytes, facts.validators, size: facts.size, now: clock.seconds)
    }

    /// The file at a path, if it is in the cache and has not changed.
    private func cached(_ path: [UInt8], at now: MonotonicTime) throws(FileAccessError) -> CachedFile? {
        let bytes = unsafe path.span.bytes  // safe: a UInt8 has no padding
        guard let file = cache.file(bytes, 0..<path.count) else { return nil }
        if now.nanoseconds &- file.checked.nanoseconds >= Self.validity {
            file.checked = now
            do throws(FileAccessError) {
                let opened = try store.open(path)
                let version = opened.version
                opened.descriptor.close(kernel)
                guard version == file.facts.version, file.isSettled else {
                    cache.remove(file)
                    return nil
                }
            } catch {
                // Without a descriptor to look at the file with, what was read of it is still the best answer.
                guard error.kind == .busy else {
                    cache.remove(file)
                    throw error
                }
            }
        }
        file.update(clock)
        return file
    }

    /// Reads a small file, and keeps it.
    private func keep(_ file: consuming ServedFile, _ path: [UInt8], at now: MonotonicTime) throws(FileAccessError)
        -> CachedFile
    {
        let facts = HTTPFileFacts(path, file.version)
        let content = read(file.descriptor.name, count: file.size)
        file.descriptor.close(kernel)
        guard let content else { throw FileAccessError(.failed) }
        let cached = CachedFile(path, facts, content: content, clock, checked: now)
        cache.insert(cached)
        return cached
    }

    /// The first bytes of a file; `nil` when there are fewer, or reading fails.
    private func read(_ file: FileDescriptor, count: Int) -> [UInt8]? {
        var isWhole = true
        // Safe: the kernel writes as many bytes as it says, within the bounds of what it is given.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let left = unsafe UnsafeMutableRawBufferPointer(
                    UnsafeMutableBufferPointer(rebasing: buffer[filled..<count]))
                let result = unsafe kernel.read(file, into: left.mutableBytes)
                if result.wasInterrupted { continue }
                guard result.rawValue > 0 else {
                    isWhole = false
                    return
                }
                filled += result.rawValue
            }
        }
        return isWhole ? bytes : nil
    }

    // MARK: What is no file

    private func answer(
        to error: FileAccessError, _ path: [UInt8], _ isDirectory: Bool, _ head: HTTPRequestHead, _ bytes: RawSpan
    ) -> HTTPAnswer {
        switch error.kind {
        case .noFile where !isDirectory && self.isDirectory(path):
            return redirect(path, query: head.path.range.upperBound..<head.target.range.upperBound, bytes)
        case .notFound where isDirectory && listsDirectories:
            let folder = Array(path.dropLast("index.html".utf8.count))
            if let store = store as? ServedDirectory, let names = DirectoryNames.read(folder, in: store) {
                return HTTPAnswer(page: names.page(of: folder))
            }
            return HTTPAnswer(.notFound)
        case .notPermitted: return HTTPAnswer(.forbidden)
        case .reservedName: return HTTPAnswer(.forbidden, because: "\(error)")
        case .busy: return .tooManyFiles
        case .failed: return HTTPAnswer(.serviceUnavailable)
        default: return HTTPAnswer(.notFound)
        }
    }

    /// Whether a directory is there: only of one is there a path with a slash at its end.
    private func isDirectory(_ path: [UInt8]) -> Bool {
        do throws(FileAccessError) {
            let file = try store.open(path + [UInt8(ascii: "/")])
            file.descriptor.close(kernel)
            return false
        } catch {
            return error.kind == .noFile
        }
    }

    /// To the path with a slash, on which relative links build.
    private func redirect(_ path: [UInt8], query: Range<Int>, _ bytes: RawSpan) -> HTTPAnswer {
        // With more than one slash at its beginning, it would name another host (RFC 3986, 4.2).
        let relative = Array(path.drop { $0 == UInt8(ascii: "/") })
        let target = "/\(HTTPPath.encode(relative))/" + String(decoding: bytes.bytes(at: query), as: UTF8.self)
        var answer = HTTPAnswer(.movedPermanently)
        answer.fields[.location] = target
        return answer
    }
}
