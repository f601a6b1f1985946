// Messages of one fixed size, back to back.

/// Messages of a fixed size.
public struct FixedSizeFraming: MessageDecoder, MessageEncoder, Sendable {
    private let size: Int

    /// Creates a framing with a fixed size.
    ///
    /// - Parameter size: the size of each message in bytes; values below 1 count as 1. Up to this many bytes are
    ///   buffered until the message is complete.
    public init(_ size: Int) {
        self.size = min(max(1, size), .max / 2)
    }

    /// Waits for `size` bytes.
    @inline(__always)
    public mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        bytes.byteCount < size ? .incomplete(needed: size) : .message(0..<size, used: size)
    }

    /// Writes a message unchanged.
    ///
    /// - Throws: ``FramingError/Kind/unsendable`` when it has another size.
    @discardableResult
    public func write(_ message: RawSpan, to connection: Connection) throws(FramingError) -> WriteResult {
        if message.byteCount != size {
            throw FramingError(.unsendable, "a message of \(message.byteCount) bytes instead of \(size)")
        }
        return connection.write(message)
    }
}

extension MessageDecoder where Self == FixedSizeFraming {
    /// Messages of `size` bytes each.
    public static func fixedSize(_ size: Int) -> FixedSizeFraming { FixedSizeFraming(size) }
}
