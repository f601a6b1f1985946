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
    /// Relies on the checks of the framing: a string that is cut off traps.
    ///
    /// - Throws: ``FramingError`` if the line that begins a value is incomplete or malformed.
    public init(_ message: RawSpan) throws(FramingError) {
        var offset = 0
        try self.init(message, at: &offset)
    }

    private init(_ message: RawSpan, at offset: inout Int) throws(FramingError) {
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
            self = .bulk(Array(message.extracting(offset..<offset + length)))
            offset += length + 2
        case .array:
            guard let count = try header.length(message) else {
                self = .array(nil)
                return
            }
            var elements: [RESPValue] = []
            for _ in 0..<count { elements.append(try RESPValue(message, at: &offset)) }
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
