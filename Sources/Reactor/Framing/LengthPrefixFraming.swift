// Messages preceded by their length. The length is the peer's claim: it is checked as an unsigned 64-bit integer before
// it is used, and never determines an allocation.

/// Messages preceded by their length.
public struct LengthPrefixFraming: MessageDecoder, MessageEncoder, Sendable {
    /// The unsigned integer type of the length field.
    public struct Width: Sendable, Hashable {
        fileprivate let bytes: Int

        /// One byte.
        public static let uint8 = Width(bytes: 1)
        /// Two bytes.
        public static let uint16 = Width(bytes: 2)
        /// Four bytes.
        public static let uint32 = Width(bytes: 4)
        /// Eight bytes.
        public static let uint64 = Width(bytes: 8)
    }

    /// The byte order of the length field.
    public struct ByteOrder: Sendable, Hashable {
        fileprivate let isBigEndian: Bool

        /// The most significant byte first: network byte order (RFC 1700).
        public static let bigEndian = ByteOrder(isBigEndian: true)
        /// The least significant byte first.
        public static let littleEndian = ByteOrder(isBigEndian: false)
    }

    /// What the length includes.
    public struct Extent: Sendable, Hashable {
        fileprivate let includesPrefix: Bool

        /// The message alone.
        public static let message = Extent(includesPrefix: false)
        /// The message and the length field itself.
        public static let whole = Extent(includesPrefix: true)
    }

    private let width: Int
    private let isBigEndian: Bool
    /// The part of the length that is not the message's.
    private let extra: Int
    private let maximum: Int

    /// Creates a framing with a length field.
    ///
    /// - Parameters:
    ///   - width: the integer type of the length field. Default: 32 bits.
    ///   - order: its byte order. Default: big-endian.
    ///   - extent: what the length includes. Default: the message alone.
    ///   - maximum: the maximum length of a received message in bytes, without the length field. It is enforced as soon
    ///     as the length field has arrived. Default: 1 MiB.
    public init(
        _ width: Width = .uint32, _ order: ByteOrder = .bigEndian, counting extent: Extent = .message,
        maximum: Int = 1024 * 1024
    ) {
        self.width = width.bytes
        isBigEndian = order.isBigEndian
        extra = extent.includesPrefix ? width.bytes : 0
        self.maximum = min(max(0, maximum), .max / 2)
    }

    /// Reads the length field, then waits for the message.
    @inline(__always)
    public mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        guard bytes.byteCount >= width else { return .incomplete(needed: width) }
        let claimed = length(in: bytes)
        if claimed < UInt64(extra) || claimed &- UInt64(extra) > UInt64(maximum) { throw refusal(of: claimed) }
        let end = width &+ Int(claimed) &- extra
        return bytes.byteCount < end ? .incomplete(needed: end) : .message(width..<end, used: end)
    }

    @inline(__always)
    private func length(in bytes: RawSpan) -> UInt64 {
        // Safe: every bit pattern is an integer, and the load is checked against the span's bounds.
        switch (width, isBigEndian) {
        case (1, _): UInt64(bytes.byte(at: 0))
        case (2, true): unsafe UInt64(bytes.unsafeLoadUnaligned(as: UInt16.self).bigEndian)
        case (2, false): unsafe UInt64(bytes.unsafeLoadUnaligned(as: UInt16.self).littleEndian)
        case (4, true): unsafe UInt64(bytes.unsafeLoadUnaligned(as: UInt32.self).bigEndian)
        case (4, false): unsafe UInt64(bytes.unsafeLoadUnaligned(as: UInt32.self).littleEndian)
        case (_, true): unsafe bytes.unsafeLoadUnaligned(as: UInt64.self).bigEndian
        case (_, false): unsafe bytes.unsafeLoadUnaligned(as: UInt64.self).littleEndian
        }
    }

    @inline(never)
    private func refusal(of claimed: UInt64) -> FramingError {
        claimed < UInt64(extra)
            ? FramingError(.invalidLength, "a length of \(claimed) that includes its own \(width) bytes")
            : FramingError(.tooLong, "a message of \(claimed - UInt64(extra)) bytes, where \(maximum) are allowed")
    }

    /// Writes the length and the message.
    ///
    /// - Throws: ``FramingError/Kind/unsendable`` when the length does not fit the field. The maximum applies to
    ///   received messages only.
    @discardableResult
    public func write(_ message: RawSpan, to connection: Connection) throws(FramingError) -> WriteResult {
        let length = UInt64(message.byteCount) &+ UInt64(extra)
        if width < 8 && length >> UInt64(8 * width) != 0 {
            throw FramingError(.unsendable, "a message of \(message.byteCount) bytes for a length of \(width)")
        }
        // The significant bytes, moved to the front in the order in which they are sent.
        let ordered = isBigEndian ? (length << UInt64(64 - 8 * width)).bigEndian : length.littleEndian
        let field: InlineArray<1, UInt64> = [ordered]
        // Safe: a UInt64 has no padding.
        return connection.write(unsafe field.span.bytes.extracting(first: width), then: message)
    }
}

extension MessageDecoder where Self == LengthPrefixFraming {
    /// Messages preceded by their length, at most `maximum` bytes.
    public static func lengthPrefixed(
        _ width: LengthPrefixFraming.Width = .uint32, _ order: LengthPrefixFraming.ByteOrder = .bigEndian,
        counting extent: LengthPrefixFraming.Extent = .message, maximum: Int = 1024 * 1024
    ) -> LengthPrefixFraming {
        LengthPrefixFraming(width, order, counting: extent, maximum: maximum)
    }
}
