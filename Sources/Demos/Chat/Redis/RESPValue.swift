// Values of the Redis serialization protocol, version 2 (redis.io, "Redis serialization protocol specification"), read from
// a whole message whose bounds RESPFraming has found and checked; and commands, which are arrays of strings.

import Reactor

/// A value that Redis sends.
enum RESPValue: Equatable {
    case simple([UInt8])
    case error([UInt8])
    case integer(Int64)
    /// A string of any bytes; `nil` where there is none.
    case bulk([UInt8]?)
    /// `nil` where there is none, which is not the same as an empty one.
    case array([RESPValue]?)

    /// Reads the value that a message of ``RESPFraming`` is.
    init(_ message: RawSpan) throws(FramingError) {
        var offset = 0
        try self.init(message, at: &offset)
    }

    private init(_ message: RawSpan, at offset: inout Int) throws(FramingError) {
        let header = try RESPHeader(message, at: offset)
        offset = header.end
        switch header.kind {
        case .simple: self = .simple(message.array(header.text))
        case .error: self = .error(message.array(header.text))
        case .integer: self = .integer(try header.integer(message))
        case .bulk:
            guard let length = try header.length(message) else {
                self = .bulk(nil)
                return
            }
            self = .bulk(message.array(offset..<offset + length))
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

    /// A command as Redis reads it.
    static func command(_ words: [UInt8]...) -> [UInt8] {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words {
            bytes += "$\(word.count)\r\n".utf8
            bytes += word
            bytes += "\r\n".utf8
        }
        return bytes
    }
}
