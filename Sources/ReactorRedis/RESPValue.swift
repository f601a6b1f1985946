// Values of the Redis serialization protocol, version 2 (redis.io, "Redis serialization protocol specification"),
// parsed from a complete message whose bounds RESPFraming has checked; and commands, which are arrays of strings.

public import Reactor

/// A value of the Redis serialization protocol, version 2.
public enum RESPValue: Hashable, Sendable {
    /// A status, such as `OK`.
    case simple([UInt8])
    /// An error, as Redis worded it.
    case error([UInt8])
    /// A signed 64-bit integer.
    case integer(Int64)
    /// A binary-safe string; `nil` is the null string.
    case bulk([UInt8]?)
    /// An array of values; `nil` is the null array, which differs from an empty one.
    case array([RESPValue]?)

    /// Parses the value in a message delivered by ``RESPFraming``.
    ///
    /// - Throws: ``FramingError`` if the bytes are anything but one whole value, or nest arrays deeper than
    ///   ``RESPFraming/maximumDepth``.
    public init(_ message: RawSpan) throws(FramingError) {
        var offset = 0
        try self.init(message, at: &offset, depth: 0)
        if offset != message.byteCount { throw FramingError(.malformed, "bytes after the value") }
    }

    /// Reads the value at an offset, and moves the offset past it.
    private init(_ message: RawSpan, at offset: inout Int, depth: Int) throws(FramingError) {
        let header = try RESPHeader(message, at: offset)
        offset = header.end
        switch header.kind {
        case .simple: self = .simple(Array(message.extracting(header.text)))
        case .error: self = .error(Array(message.extracting(header.text)))
        case .integer: self = .integer(try header.integer(message))
        case .bulk:
            guard let length = try header.length(message) else {
                self = .bulk(nil)
                return
            }
            guard length <= message.byteCount - offset - 2 else { throw FramingError(.truncated, "a truncated string") }
            self = .bulk(Array(message.extracting(offset..<offset + length)))
            offset += length + 2
        case .array:
            guard let count = try header.length(message) else {
                self = .array(nil)
                return
            }
            guard depth < RESPFraming.maximumDepth else { throw FramingError(.malformed, "arrays nested too deeply") }
            var elements: [RESPValue] = []
            for _ in 0..<count { elements.append(try RESPValue(message, at: &offset, depth: depth + 1)) }
            self = .array(elements)
        }
    }

    /// Returns the encoding of a command: an array of bulk strings.
    public static func command(_ words: [UInt8]...) -> [UInt8] {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words {
            bytes += "$\(word.count)\r\n".utf8
            bytes += word
            bytes += "\r\n".utf8
        }
        return bytes
    }
}
