// A small file whose answer stands ready: the head and behind it the content, in one piece that is sent as it is. Only its
// date is written anew, once a second.

import HTTPTypes
import Reactor
import ServedFiles

/// What is said of a file, whatever part of it is sent.
struct HTTPFileFacts {
    let version: FileVersion
    let validators: HTTPValidators
    /// Content type and validators.
    let fields: HTTPFields

    /// The facts about the file at a path.
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

    /// Bytes of the file.
    var size: Int { version.size }
}

/// A small file, and its answer.
final class CachedFile {
    /// What it is found by: the path, decoded.
    let path: [UInt8]
    let facts: HTTPFileFacts
    /// The answer to a GET whose connection goes on.
    private(set) var answer: [UInt8]
    /// The head for a connection that ends with the answer.
    private(set) var closingHead: [UInt8]
    /// Bytes of the answer's head, which is the answer to a HEAD.
    let headCount: Int
    private let dateOffset: Int
    private var dateSeconds: Int
    /// When the file was last looked at.
    var checked: MonotonicTime
    /// Whether any change since the contents were read shows in the file's version.
    let isSettled: Bool

    init(_ path: [UInt8], _ facts: HTTPFileFacts, content: [UInt8], _ clock: HTTPClock, checked: MonotonicTime) {
        self.path = path
        self.facts = facts
        self.checked = checked
        isSettled = facts.version.isSettled(at: clock.seconds)
        let head = HTTPAnswer.head(.ok, facts.fields, length: facts.size, date: clock.text, closes: false)
        closingHead = HTTPAnswer.head(.ok, facts.fields, length: facts.size, date: clock.text, closes: true)
        headCount = head.count
        dateOffset = HTTPAnswer.start(.ok).utf8.count
        dateSeconds = clock.seconds
        answer = head + content
    }

    /// Memory that it takes up.
    var byteCount: Int { answer.count + closingHead.count + path.count }

    /// The content.
    var content: ArraySlice<UInt8> { answer[headCount...] }

    /// Sees to it that the answer has the right date.
    @inline(__always)
    func update(_ clock: HTTPClock) {
        if dateSeconds != clock.seconds { writeDate(clock) }
    }

    @inline(never)
    private func writeDate(_ clock: HTTPClock) {
        dateSeconds = clock.seconds
        let place = dateOffset..<dateOffset + HTTPDate.byteCount
        answer.replaceSubrange(place, with: clock.text)
        closingHead.replaceSubrange(place, with: clock.text)
    }
}
