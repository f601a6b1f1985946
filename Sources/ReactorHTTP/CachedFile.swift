// A small file with its prepared response: the head followed by the content in one buffer, sent as it is. Only the date
// is rewritten, once per second.

import HTTPTypes
import Reactor
import ServedFiles

/// The metadata of a file that every response about it carries.
struct HTTPFileFacts {
    let version: FileVersion
    let validators: HTTPValidators
    /// `Content-Type`, `Last-Modified`, `ETag` and `Accept-Ranges`.
    let fields: HTTPFields

    /// Collects the metadata of the file at `path`.
    init(_ path: [UInt8], _ version: FileVersion) {
        self.version = version
        validators = HTTPValidators(version)
        fields = [
            .contentType: HTTPContentType.type(of: path),
            .lastModified: String(decoding: HTTPDate.text(validators.modified), as: UTF8.self),
            .eTag: String(decoding: validators.tag, as: UTF8.self),
            .acceptRanges: "bytes",
        ]
    }

    /// The size of the file in bytes.
    var size: Int { version.size }
}

/// A small file and its prepared response.
final class CachedFile {
    /// The cache key: the decoded path.
    let path: [UInt8]
    let facts: HTTPFileFacts
    /// The response to a GET on a connection that stays open.
    private(set) var response: [UInt8]
    /// The response head for a connection that closes after the response.
    private(set) var closingHead: [UInt8]
    /// The length in bytes of the head of `response`, which is also the response to a HEAD.
    let headCount: Int
    private let dateOffset: Int
    private var dateSeconds: Int
    /// When the file on disk was last compared with this copy.
    var checked: MonotonicTime
    /// Whether every change made since the content was read shows in the file's version.
    let isSettled: Bool

    init(_ path: [UInt8], _ facts: HTTPFileFacts, content: [UInt8], _ clock: HTTPClock, checked: MonotonicTime) {
        self.path = path
        self.facts = facts
        self.checked = checked
        isSettled = facts.version.isSettled(at: clock.seconds)
        let head = HTTPResponse.head(.ok, facts.fields, length: facts.size, date: clock.text, closes: false)
        closingHead = HTTPResponse.head(.ok, facts.fields, length: facts.size, date: clock.text, closes: true)
        headCount = head.count
        dateOffset = HTTPResponse.start(.ok).utf8.count
        dateSeconds = clock.seconds
        response = head + content
    }

    /// The memory that the entry takes, in bytes.
    var byteCount: Int { response.count + closingHead.count + path.count }

    /// The content of the file.
    var content: ArraySlice<UInt8> { response[headCount...] }

    /// Updates the `Date` field if the clock's second has changed.
    @inline(__always)
    func update(_ clock: HTTPClock) {
        if dateSeconds != clock.seconds { writeDate(clock) }
    }

    @inline(never)
    private func writeDate(_ clock: HTTPClock) {
        dateSeconds = clock.seconds
        let place = dateOffset..<dateOffset + HTTPDate.byteCount
        response.replaceSubrange(place, with: clock.text)
        closingHead.replaceSubrange(place, with: clock.text)
    }
}
