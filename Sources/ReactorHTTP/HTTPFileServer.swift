// The state that all HTTP connections of one loop share: files, clock and limits. It also maps methods to responses
// (RFC 9110, 9), independently of any connection.

import HTTPTypes
public import Reactor
import ServedFiles

/// A static file server for HTTP/1.1, shared by the connections of one loop.
///
/// Create one for each loop and an ``HTTPSession`` for each connection. Use it on that loop's thread only.
///
///     let files = HTTPFileServer(try ServedDirectory("/srv/www"))
///     try loop.listen(on: "127.0.0.1:8080") { _ in HTTPSession(files) }
public final class HTTPFileServer {
    /// The settings of a file server.
    public struct Options: Sendable {
        /// The limits of each request.
        public var limits = HTTPLimits()
        /// Whether a directory without an `index.html` gives a listing. Default: `false` (404).
        public var listsDirectories = false
        /// The most large files that are sent at the same time, by all servers with these options together; further
        /// requests get the response 503 with `Retry-After`. Default: 512.
        ///
        /// Each takes a descriptor besides that of its connection: set it to the number of descriptors that
        /// `Limits.connections` leaves.
        public var openFiles = FileBudget(512)
        /// The path of the example form, beginning with a slash. Default: `nil`, no form.
        public var formPath: String?

        /// Creates the default settings.
        public init() {}
    }

    let limits: HTTPLimits
    let clock: HTTPClock
    private let files: HTTPFiles
    private let formPath: String?
    private let formPathBytes: [UInt8]
    let counts: HTTPCounts?

    /// Creates a server of the files in a store.
    ///
    /// - Parameters:
    ///   - store: where the files are.
    ///   - kernel: the loop's kernel, through which files are read and sent. Default: Linux.
    ///   - options: the settings.
    ///   - counts: where requests are counted; several servers may share it. Default: `nil`, no counting.
    public convenience init(
        _ store: any FileStore, kernel: any Kernel = LinuxKernel.shared, options: Options = Options(),
        counts: HTTPCounts? = nil
    ) {
        self.init(store, kernel: kernel.calls, options: options, counts: counts, clock: HTTPClock())
    }

    init(_ store: any FileStore, kernel: any SystemCalls, options: Options, counts: HTTPCounts? = nil, clock: HTTPClock)
    {
        limits = options.limits
        formPath = options.formPath
        formPathBytes = Array((options.formPath ?? "").utf8)
        self.clock = clock
        self.counts = counts
        files = HTTPFiles(
            store, kernel: kernel, clock: clock, listsDirectories: options.listsDirectories,
            openFiles: options.openFiles)
    }

    /// Returns the cached file for a request, if its prepared response can be sent as it is: an unconditional GET or
    /// HEAD of a small file that was checked within the last second.
    @inline(__always)
    func ready(_ head: HTTPRequestHead, _ bytes: RawSpan, at now: MonotonicTime) -> CachedFile? {
        guard head.method.rawValue <= HTTPKnownMethod.head.rawValue, !head.hasConditions, !head.pathIsEncoded else {
            return nil
        }
        clock.update(at: now)
        return files.ready(bytes, head.path.range, at: now)
    }

    /// Returns whether the handler needs the body of a request.
    func wantsBody(_ head: HTTPRequestHead, _ bytes: RawSpan) -> Bool { head.method == .post && isForm(head, bytes) }

    /// Returns the response to a request.
    ///
    /// - Parameters:
    ///   - head: the request head.
    ///   - bytes: the bytes that the head was parsed from.
    ///   - content: the body; empty unless ``wantsBody(_:_:)`` returned `true`.
    ///   - closes: whether the connection closes after the response.
    ///   - now: the time of the loop's turn.
    /// - Throws: ``HTTPRequestError``, which ends the connection.
    func response(
        to head: HTTPRequestHead, _ bytes: RawSpan, content: [UInt8], closes: Bool, at now: MonotonicTime
    ) throws(HTTPRequestError) -> HTTPResponse.Serialized {
        clock.update(at: now)
        let isForm = isForm(head, bytes)
        var response: HTTPResponse
        switch head.method {
        case .get, .head:
            guard isForm, let formPath else { return try files.response(to: head, bytes, closes: closes, at: now) }
            response = HTTPForm.page(at: formPath)
        case .post where isForm: response = try HTTPForm.response(to: head, bytes, content)
        case .options: response = HTTPResponse(.noContent, [:])
        case .post, .other: response = HTTPResponse(.methodNotAllowed)
        case .unknown: response = HTTPResponse(.notImplemented)
        }
        if response.status == .noContent || response.status == .methodNotAllowed {
            response.fields[.allow] = isForm ? "GET, HEAD, POST, OPTIONS" : "GET, HEAD, OPTIONS"
        }
        return .bytes(response.bytes(date: clock.text, closes: closes, isHead: head.method == .head))
    }

    /// Returns the response to a rejected request, after which the connection closes.
    func response(to error: HTTPRequestError, isHead: Bool, at now: MonotonicTime) -> [UInt8] {
        clock.update(at: now)
        return HTTPResponse(error).bytes(date: clock.text, closes: true, isHead: isHead)
    }

    private func isForm(_ head: HTTPRequestHead, _ bytes: RawSpan) -> Bool {
        formPath != nil && bytes.equals(formPathBytes, at: head.path.range)
    }
}
