// An answer, and its bytes. Most answers are files, whose bytes stand ready (CachedFile); this makes all others.

import HTTPTypes
import Reactor

/// An answer with all of its content in memory.
struct HTTPAnswer {
    /// Its status.
    var status: HTTPResponse.Status
    /// Its fields but `Date`, `Server`, `Content-Length` and `Connection`, which are added.
    var fields = HTTPFields()
    /// Its content.
    var content: [UInt8] = []

    /// An answer with these parts.
    init(_ status: HTTPResponse.Status, _ fields: HTTPFields = HTTPFields(), _ content: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.content = content
    }

    /// An answer that says in a line of text what it is.
    init(_ status: HTTPResponse.Status, because reason: String? = nil) {
        self.init(status, [.contentType: "text/plain; charset=utf-8"])
        content = Array("\(status)\(reason.map { ": \($0)" } ?? "")\n".utf8)
    }

    /// No descriptor is left for a file.
    static var tooManyFiles: HTTPAnswer {
        var answer = HTTPAnswer(.serviceUnavailable, because: "too many files are open; try again later")
        answer.fields[.retryAfter] = "1"
        return answer
    }

    /// A refused request's.
    init(_ refusal: HTTPRefusal) { self.init(refusal.namedStatus, because: "\(refusal)") }

    /// A page.
    init(page: String, status: HTTPResponse.Status = .ok) {
        self.init(status, [.contentType: "text/html; charset=utf-8"], Array(page.utf8))
    }

    /// The bytes of an answer's head, with the empty line at its end.
    ///
    /// - Parameters:
    ///   - length: of the content; `nil` where there can be none.
    ///   - closes: whether the connection ends with it.
    static func head(
        _ status: HTTPResponse.Status, _ fields: HTTPFields, length: Int?, date: [UInt8], closes: Bool
    ) -> [UInt8] {
        var head: [UInt8] = []
        head.reserveCapacity(384)
        head += start(status).utf8
        head += date
        head += "\r\n".utf8
        for field in fields { head += "\(field.name.rawName): \(field.value)\r\n".utf8 }
        if let length { head += "Content-Length: \(length)\r\n".utf8 }
        // In either version, and in either case: HTTP/1.0 has to be told that it goes on, HTTP/1.1 that it does not.
        head += closes ? "Connection: close\r\n\r\n".utf8 : "Connection: keep-alive\r\n\r\n".utf8
        return head
    }

    /// What an answer begins with; the date follows.
    static func start(_ status: HTTPResponse.Status) -> String {
        "HTTP/1.1 \(status)\r\nServer: swift-reactor\r\nDate: "
    }

    /// All bytes of the answer.
    ///
    /// - Parameter isHead: whether HEAD asked: the content is left out, its length is not.
    func bytes(date: [UInt8], closes: Bool, isHead: Bool) -> [UInt8] {
        let hasContent = status != .notModified && status != .noContent
        let head = Self.head(status, fields, length: hasContent ? content.count : nil, date: date, closes: closes)
        return isHead || !hasContent ? head : head + content
    }
}

extension HTTPRefusal {
    /// The status as HTTPTypes names it.
    fileprivate var namedStatus: HTTPResponse.Status {
        switch status {
        case 404: .notFound
        case 408: .requestTimeout
        case 413: .contentTooLarge
        case 414: .uriTooLong
        case 415: .unsupportedMediaType
        case 417: .expectationFailed
        case 431: .requestHeaderFieldsTooLarge
        case 501: .notImplemented
        case 505: .httpVersionNotSupported
        default: .badRequest
        }
    }
}
