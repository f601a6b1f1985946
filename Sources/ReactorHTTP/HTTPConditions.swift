// Evaluates conditional and range requests (RFC 9110, 13 and 14): whether a file is sent, and which part of it.

import HTTPTypes
import Reactor
import ServedFiles

/// The validators of one version of a file: entity tag and modification time.
struct HTTPValidators {
    /// The strong entity tag, with its quotes: the size, and a 64-bit digest of device, inode, `mtime` and `ctime`.
    let tag: [UInt8]
    /// When the file was last modified, in seconds since 1970.
    let modified: Int

    init(_ version: FileVersion) {
        tag = Array(
            "\"\(String(UInt(bitPattern: version.size), radix: 16))-\(String(version.digest, radix: 16))\"".utf8)
        modified = version.modified.seconds
    }
}

/// The outcome of a request's conditions.
enum HTTPCondition: Equatable {
    /// The file, or the requested part of it, is sent.
    case send(HTTPRange)
    /// The client's copy is current: 304.
    case notModified
    /// A precondition failed: 412.
    case failed

    /// Evaluates the conditions in the order of RFC 9110, 13.2.2.
    ///
    /// - Parameters:
    ///   - head: the request head.
    ///   - bytes: the bytes that the head was parsed from.
    ///   - file: the validators of the file.
    ///   - size: the size of the file in bytes.
    ///   - now: the time in seconds since 1970.
    init(_ head: HTTPRequestHead, _ bytes: RawSpan, _ file: HTTPValidators, size: Int, now: Int) {
        let match = head.places(of: "if-match", in: bytes)
        if !match.isEmpty {
            if !Self.names(match, bytes, file.tag, strongly: true) { self = .failed; return }
        } else if let since = Self.date("if-unmodified-since", head, bytes, now), file.modified > since {
            self = .failed
            return
        }
        let isRead = head.method == .get || head.method == .head
        let noneMatch = head.places(of: "if-none-match", in: bytes)
        if !noneMatch.isEmpty {
            if Self.names(noneMatch, bytes, file.tag, strongly: false) {
                self = isRead ? .notModified : .failed
                return
            }
        } else if isRead, let since = Self.date("if-modified-since", head, bytes, now), file.modified == since {
            // Not `<=`, which RFC 9110 recommends: an older file may have replaced the one that the client has
            // (nginx: `if_modified_since exact`).
            self = .notModified
            return
        }
        guard head.method == .get, let range = head.value(of: "range", in: bytes),
            Self.mayBePart(head, bytes, file, now)
        else {
            self = .send(.whole)
            return
        }
        self = .send(HTTPRange(bytes, range.range, size: size))
    }

    /// Evaluates `If-Range`: a part is sent only of the version that the client has the rest of.
    private static func mayBePart(_ head: HTTPRequestHead, _ bytes: RawSpan, _ file: HTTPValidators, _ now: Int) -> Bool
    {
        let conditions = head.places(of: "if-range", in: bytes)
        guard let condition = conditions.first?.range else { return true }
        guard conditions.count == 1, !condition.isEmpty else { return false }
        let first = bytes.byte(at: condition.lowerBound)
        if first == UInt8(ascii: "\"") { return bytes.equals(file.tag, at: condition) }
        // A date is a strong validator only if the file cannot have changed twice in that second (RFC 9110, 8.8.2.2).
        guard let date = HTTPDate.parse(bytes, condition, now: now) else { return false }
        return date == file.modified && now > date + 1
    }

    private static func date(_ name: StaticString, _ head: HTTPRequestHead, _ bytes: RawSpan, _ now: Int) -> Int? {
        guard let place = head.value(of: name, in: bytes) else { return nil }
        return HTTPDate.parse(bytes, place.range, now: now)
    }

    /// Returns whether lists of entity tags contain this one or `*`.
    private static func names(_ fields: [HTTPPlace], _ bytes: RawSpan, _ tag: [UInt8], strongly: Bool) -> Bool {
        for field in fields {
            // Our tags contain no commas, so splitting the list at commas is enough to find them.
            for element in bytes.elements(field.range) {
                if bytes.equals([UInt8(ascii: "*")], at: element) || bytes.equals(tag, at: element) { return true }
                let isWeak =
                    element.count > 2 && bytes.equals(Array("W/".utf8), at: element.lowerBound..<element.lowerBound + 2)
                if isWeak && !strongly && bytes.equals(tag, at: element.lowerBound + 2..<element.upperBound) {
                    return true
                }
            }
        }
        return false
    }
}
