// Serves files: resolves the path, evaluates conditions, and picks the part to send. Small files come from the cache,
// which is revalidated once per second; large ones are opened for each request. It does not use the connection.
//
//     path --cached, checked within a second--------------------------------------> response
//       |        +--older--> opened: unchanged ----------------------------------> response
//       +--not--> opened --small--> read, cached --------------------------------> response
//                    |  +---large------------------------------------------------> head, and a part of the file
//                    +--a directory: redirected to its path with a slash; index.html, or a listing, or not found

import HTTPTypes
import Reactor
import ServedFiles
import SystemPackage

/// The files of a server and the responses with them.
final class HTTPFiles {
    /// How long a file counts as unchanged after it was checked, in nanoseconds.
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

    /// Returns the cached file at this path, if it was checked within the last second.
    @inline(__always)
    func ready(_ bytes: RawSpan, _ path: Range<Int>, at now: MonotonicTime) -> CachedFile? {
        guard let file = cache.file(bytes, path), now.nanoseconds &- file.checked.nanoseconds < Self.validity else {
            return nil
        }
        file.update(clock)
        return file
    }

    /// Returns the response to a GET or a HEAD.
    ///
    /// - Parameters:
    ///   - head: the request head.
    ///   - bytes: the bytes that the head was parsed from.
    ///   - closes: whether the connection closes after the response.
    ///   - now: the time of the loop's turn.
    /// - Throws: ``HTTPRequestError`` (400) if the path is malformed. A file that cannot be opened gives a response.
    func response(
        to head: HTTPRequestHead, _ bytes: RawSpan, closes: Bool, at now: MonotonicTime
    ) throws(HTTPRequestError) -> HTTPResponse.Serialized {
        var path = try HTTPPath.decode(bytes, head.path.range, isEncoded: head.pathIsEncoded)
        let isDirectory = path.last == UInt8(ascii: "/")
        if isDirectory { path += Array("index.html".utf8) }
        let serializer = HTTPResponse.Serializer(isHead: head.method == .head, closes: closes, clock: clock)
        do throws(FileAccessError) {
            if let file = try cached(path, at: now) {
                return serializer.serialize(condition(head, bytes, file.facts), file)
            }
            let file = try store.open(path)
            if file.size > FileCache.largestFile {
                let facts = HTTPFileFacts(path, file.version)
                return serializer.serialize(condition(head, bytes, facts), file, facts, kernel, openFiles)
            }
            let kept = try keep(file, path, at: now)
            return serializer.serialize(condition(head, bytes, kept.facts), kept)
        } catch {
            return .bytes(serializer.bytes(of: response(to: error, path, isDirectory, head, bytes)))
        }
    }

    private func condition(_ head: HTTPRequestHead, _ bytes: RawSpan, _ facts: HTTPFileFacts) -> HTTPCondition {
        guard head.hasConditions else { return .send(.whole) }
        return HTTPCondition(head, bytes, facts.validators, size: facts.size, now: clock.seconds)
    }

    /// Returns the cached file at a path, after checking that it has not changed on disk; `nil` if it must be read.
    ///
    /// - Throws: ``FileAccessError`` if the file can no longer be opened.
    private func cached(_ path: [UInt8], at now: MonotonicTime) throws(FileAccessError) -> CachedFile? {
        let bytes = unsafe path.span.bytes  // safe: UInt8 has no padding
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
                // No descriptor is available to check the file: the cached copy is better than an error.
                guard error.kind == .busy else {
                    cache.remove(file)
                    throw error
                }
            }
        }
        file.update(clock)
        return file
    }

    /// Reads a small file and caches it.
    private func keep(_ file: consuming ServedFile, _ path: [UInt8], at now: MonotonicTime) throws(FileAccessError)
        -> CachedFile
    {
        let facts = HTTPFileFacts(path, file.version)
        let content = read(file.descriptor.fd, count: file.size)
        file.descriptor.close(kernel)
        guard let content else { throw FileAccessError(.failed) }
        let cached = CachedFile(path, facts, content: content, clock, checked: now)
        cache.insert(cached)
        return cached
    }

    /// Reads `count` bytes of a file; `nil` if it is shorter or reading fails.
    private func read(_ file: FileDescriptor, count: Int) -> [UInt8]? {
        var isWhole = true
        // Safe: read(2) initializes as many bytes as it returns, within the bounds of the buffer, and `filled` counts
        // those.
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

    // MARK: Paths without a file

    private func response(
        to error: FileAccessError, _ path: [UInt8], _ isDirectory: Bool, _ head: HTTPRequestHead, _ bytes: RawSpan
    ) -> HTTPResponse {
        switch error.kind {
        case .noFile where !isDirectory && self.isDirectory(path):
            return redirect(path, query: head.path.range.upperBound..<head.target.range.upperBound, bytes)
        case .notFound where isDirectory && listsDirectories:
            let folder = Array(path.dropLast("index.html".utf8.count))
            if let store = store as? ServedDirectory, let names = DirectoryNames.read(folder, in: store) {
                return HTTPResponse(page: names.page(of: folder))
            }
            return HTTPResponse(.notFound)
        case .notPermitted: return HTTPResponse(.forbidden)
        case .reservedName: return HTTPResponse(.forbidden, because: "\(error)")
        case .busy: return .tooManyFiles
        case .failed: return HTTPResponse(.serviceUnavailable)
        default: return HTTPResponse(.notFound)
        }
    }

    /// Returns whether the path is a directory: a path with a trailing slash resolves only then.
    private func isDirectory(_ path: [UInt8]) -> Bool {
        do throws(FileAccessError) {
            let file = try store.open(path + [UInt8(ascii: "/")])
            file.descriptor.close(kernel)
            return false
        } catch {
            return error.kind == .noFile
        }
    }

    /// Returns a redirect to the path with a trailing slash, which relative links need.
    private func redirect(_ path: [UInt8], query: Range<Int>, _ bytes: RawSpan) -> HTTPResponse {
        // A target that begins with two slashes would name another host (RFC 3986, 4.2).
        let relative = Array(path.drop { $0 == UInt8(ascii: "/") })
        let target = "/\(HTTPPath.encode(relative))/" + String(decoding: bytes.bytes(at: query), as: UTF8.self)
        var response = HTTPResponse(.movedPermanently)
        response.fields[.location] = target
        return response
    }
}
