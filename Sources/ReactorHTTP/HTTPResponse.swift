// A response and its serialization. Most responses are cached files, which are serialized already (CachedFile); this
// makes all others. Statuses and fields are swift-http-types' own; within this module, `HTTPResponse` alone is the type
// below, and `HTTPTypes.HTTPResponse` a head without content.

import HTTPTypes
import Reactor

/// A response with all of its content in memory.
struct HTTPResponse {
    /// The status.
    var status: HTTPTypes.HTTPResponse.Status
    /// The fields, except `Date`, `Server`, `Content-Length` and `Connection`, which ``head(_:_:length:date:closes:)``
    /// adds.
    var fields = HTTPFields()
    /// The content.
    var content: [UInt8] = []

    /// Creates a response from its parts.
    init(_ status: HTTPTypes.HTTPResponse.Status, _ fields: HTTPFields = HTTPFields(), _ content: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.content = content
    }

    /// Creates a response whose content is one line of text: the status, and the reason if there is one.
    init(_ status: HTTPTypes.HTTPResponse.Status, because reason: String? = nil) {
        self.init(status, [.contentType: "text/plain; charset=utf-8"])
        content = Array("\(status)\(reason.map { ": \($0)" } ?? "")\n".utf8)
    }

    /// The response when no descriptor is available for a file: 503.
    static var tooManyFiles: HTTPResponse {
        var response = HTTPResponse(.serviceUnavailable, because: "too many files are open; try again later")
        response.fields[.retryAfter] = "1"
        return response
    }

    /// Creates the response to a request that was rejected.
    init(_ error: HTTPRequestError) { self.init(error.namedStatus, because: "\(error)") }

    /// Creates a response with an HTML page.
    init(page: String, status: HTTPTypes.HTTPResponse.Status = .ok) {
        self.init(status, [.contentType: "text/html; charset=utf-8"], Array(page.utf8))
    }

    /// Returns the bytes of a response head, including the empty line at its end.
    ///
    /// - Parameters:
    ///   - status: the status.
    ///   - fields: the fields besides those that are added.
    ///   - length: the length of the content in bytes; `nil` for a status that has none.
    ///   - date: the value of `Date`.
    ///   - closes: whether the connection closes after the response.
    static func head(
        _ status: HTTPTypes.HTTPResponse.Status, _ fields: HTTPFields, length: Int?, date: [UInt8], closes: Bool
    ) -> [UInt8] {
        var head: [UInt8] = []
        head.reserveCapacity(384)
        head += start(status).utf8
        head += date
        head += "\r\n".utf8
        for field in fields { head += "\(field.name.rawName): \(field.value)\r\n".utf8 }
        if let length { head += "Content-Length: \(length)\r\n".utf8 }
        // Sent in both versions and in both cases: HTTP/1.0 closes by default, HTTP/1.1 keeps the connection open.
        head += closes ? "Connection: close\r\n\r\n".utf8 : "Connection: keep-alive\r\n\r\n".utf8
        return head
    }

    /// Returns the beginning of a response head, up to the value of `Date`.
    static func start(_ status: HTTPTypes.HTTPResponse.Status) -> String {
        "HTTP/1.1 \(status)\r\nServer: swift-reactor\r\nDate: "
    }

    /// Returns the bytes of the whole response.
    ///
    /// - Parameters:
    ///   - date: the value of `Date`.
    ///   - closes: whether the connection closes after the response.
    ///   - isHead: whether the request was a HEAD: the content is omitted, `Content-Length` is not.
    func bytes(date: [UInt8], closes: Bool, isHead: Bool) -> [UInt8] {
        let hasContent = status != .notModified && status != .noContent
        let head = Self.head(status, fields, length: hasContent ? content.count : nil, date: date, closes: closes)
        return isHead || !hasContent ? head : head + content
    }
}

extension HTTPRequestError {
    /// The status as a value of HTTPTypes.
    fileprivate var namedStatus: HTTPTypes.HTTPResponse.Status {
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
