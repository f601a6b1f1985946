// A connection's input as a sequence of parsed values, by the same decoders that handlers use.

/// The values of a connection, as a sequence. Created by ``AsyncConnection/values(_:)``.
public struct ValueSequence<Decoder: ValueDecoder>: AsyncSequence {
    fileprivate let core: ConnectionTask
    fileprivate let decoder: Decoder

    /// Reads one value after another. Unread input remains with the connection and may be read in other ways.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let core: ConnectionTask
        fileprivate var cutter: ValueCutter<Decoder>
        fileprivate let slot: ValueSlot<Decoder.Value>

        /// Returns the next value; `nil` at the end of the stream.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(WaitError) -> Decoder.Value? {
            try await next()
        }

        /// Returns the next value; `nil` at the end of the stream.
        public nonisolated(nonsending) mutating func next() async throws(WaitError) -> Decoder.Value? {
            try await core.nextMessage(&cutter) { [slot] _ in slot.take() }
        }
    }

    /// Returns an iterator over the values.
    public func makeAsyncIterator() -> AsyncIterator {
        let slot = ValueSlot<Decoder.Value>()
        return AsyncIterator(core: core, cutter: ValueCutter(decoder, into: slot), slot: slot)
    }
}

extension AsyncConnection {
    /// Returns the values that a decoder parses from the peer's stream, as a sequence.
    ///
    ///     for try await value in connection.values(RESPFraming()) { ... }
    ///
    /// Works like ``messages(_:)``, with the same errors and limits; nothing is copied besides what the decoder copies.
    ///
    /// - Parameter decoder: parses the stream.
    /// - Returns: The values.
    public func values<Decoder: ValueDecoder>(_ decoder: Decoder) -> ValueSequence<Decoder> {
        ValueSequence(core: core, decoder: decoder)
    }
}
