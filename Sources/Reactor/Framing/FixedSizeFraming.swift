// Messages that are all of one size, one behind another.

/// Messages of one size.
public struct FixedSizeFraming: MessageDecoder, MessageEncoder, Sendable {
    private let size: Int

    /// A framing by size.
    ///
    /// - Parameter size: bytes of each message, at least 1; less counts as that. As much is kept in memory until the
    ///   message is whole.
    public init(_ size: Int) {
        self.size = min(max(1, size), .max / 2)
    }

    /// Waits for as many bytes.
    @inline(__always)
    public mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        bytes.byteCount < size ? .incomplete(needed: size) : .message(0..<size, used: size)
    }

    /// Writes a message as it is.
    ///
    /// - Throws: ``FramingError/Kind/unsendable`` when it is of another size.
    @discardableResult
    public func write(_ message: RawSpan, to connection: Connection) throws(FramingError) -> WriteResult {
        if message.byteCount != size {
            throw FramingError(.unsendable, "a message of \(message.byteCount) bytes, where all have \(size)")
        }
        return connection.write(message)
    }
}

extension MessageDecoder where Self == FixedSizeFraming {
    /// Messages of so many bytes each.
    public static func fixedSize(_ size: Int) -> FixedSizeFraming { FixedSizeFraming(size) }
}
