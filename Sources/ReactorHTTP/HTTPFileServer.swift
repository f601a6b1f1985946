// What all connections of one loop have in common: the files, the clock, the limits, and which method gets which answer
// (RFC 9110, 9). It knows no connection.

import HTTPTypes
public import Reactor
import ServedFiles

/// A server of static files over HTTP/1.1, for the connections of one loop.
///
///     let files = HTTPFileServer(try ServedDirectory("/srv/www"), kernel: loop.kernel)
///     try loop.listen(on: "127.0.0.1:8080") { _ in HTTPSession(files) }
public final class HTTPFileServer {
    /// What is served besides the files, and how.
    public struct Options: Sendable {
        /// What a request may use up.
        public var limits = HTTPLimits()
        /// Whether a directory without an `index.html` shows what is in it. Default: no.
        public var listsDirectories = false
        /// Large files that are sent at once, by all servers with these options; more are answered 503. Each takes a
        /// descriptor besides that of its connection: set it to what `Limits.connections` leaves of them. Default: 512.
        public var openFiles = FileBudget(512)
        /// The path of the example form; `nil` for none, the default. It begins with a slash.
        public var formPath: String?

        /// The defaults.
        public init() {}
    }

    let limits: HTTPLimits
    let clock: HTTPClock
    private let files: HTTPFiles
    private let formPath: String?
    private let formPathBytes: [UInt8]
    let counts: HTTPCounts?

    /// A server of files.
    ///
    /// - Parameters:
    ///   - store: where they are.
    ///   - kernel: the loop's, on which files are read and sent.
    ///   - options: what else is served, within which limits.
    ///   - counts: told what was answered; several servers may have one.
    public convenience init(
        _ store: any FileStore, kernel: any Kernel = LinuxKernel.shared, options: Options = Options(), counts: HTTPCounts? = nil
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

    /// The file that is asked for, if its answer stands ready: that of a plain request for a small file that was asked for
    /// a moment ago.
    @inline(__always)
    func ready(_ head: HTTPRequestHead, _ bytes: RawSpan, at now: MonotonicTime) -> CachedFile? {
        guard head.method.rawValue <= HTTPKnownMethod.head.rawValue, !head.hasConditions, !head.pathIsEncoded else {
            return nil
        }
        clock.update(at: now)
        return files.ready(bytes, head.path.range, at: now)
    }

    /// Whether the body of a request is wanted.
    func wantsBody(_ head: HTTPRequestHead, _ bytes: RawSpan) -> Bool { head.method == .post && isForm(head, bytes) }

    /// Answers a request.
    ///
    /// - Parameters:
    ///   - bytes: what the head was parsed from.
    ///   - content: the body, if it was wanted.
    ///   - closes: whether the connection ends with the answer.
    /// - Throws: ``HTTPRefusal``, which ends the connection.
    func reply(
        to head: HTTPRequestHead, _ bytes: RawSpan, content: [UInt8], closes: Bool, at now: MonotonicTime
    ) throws(HTTPRefusal) -> HTTPReply {
        clock.update(at: now)
        let isForm = isForm(head, bytes)
        var answer: HTTPAnswer
        switch head.method {
        case .get, .head:
            guard isForm, let formPath else { return try files.reply(to: head, bytes, closes: closes, at: now) }
            answer = HTTPForm.page(at: formPath)
        case .post where isForm: answer = try HTTPForm.answer(head, bytes, content)
        case .options: answer = HTTPAnswer(.noContent, [:])
        case .post, .other: answer = HTTPAnswer(.methodNotAllowed)
        case .unknown: answer = HTTPAnswer(.notImplemented)
        }
        if answer.status == .noContent || answer.status == .methodNotAllowed {
            answer.fields[.allow] = isForm ? "GET, HEAD, POST, OPTIONS" : "GET, HEAD, OPTIONS"
        }
        return .bytes(answer.bytes(date: clock.text, closes: closes, isHead: head.method == .head))
    }

    /// The answer to what is no request. The connection ends with it.
    func refusal(_ refusal: HTTPRefusal, isHead: Bool, at now: MonotonicTime) -> [UInt8] {
        clock.update(at: now)
        return HTTPAnswer(refusal).bytes(date: clock.text, closes: true, isHead: isHead)
    }

    private func isForm(_ head: HTTPRequestHead, _ bytes: RawSpan) -> Bool {
        formPath != nil && bytes.equals(formPathBytes, at: head.path.range)
    }
}
