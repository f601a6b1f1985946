// Values of the Redis serialization protocol, version 2 (redis.io, "Redis serialization protocol specification"), which
// RESPFraming parses; and commands, which are arrays of strings.

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

    /// Parses bytes that are one whole value.
    ///
    /// - Throws: ``FramingError`` if they are anything else, or exceed ``RESPFraming/maximumDepth`` or
    ///   ``RESPFraming/maximumElements``.
    public init(_ bytes: RawSpan) throws(FramingError) {
        var decoder = RESPFraming(maximumString: bytes.byteCount, maximum: bytes.byteCount)
        guard case .value(let value, let used) = try decoder.decode(bytes) else {
            throw FramingError(.truncated, "an incomplete value")
        }
        if used != bytes.byteCount { throw FramingError(.malformed, "bytes after the value") }
        self = value
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
