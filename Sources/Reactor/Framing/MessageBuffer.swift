// From bytes to messages: complete messages are borrowed where they lie, and an incomplete rest is kept until it is
// complete. The loop is used only to obtain and recycle queues; the source of the bytes and the use of the messages are
// unknown here.
//
//     received bytes --> nothing kept: decoded in place -----------------------> messages
//          |                                   |  rest                              ^
//          |                                   v                                    |
//          +--> something kept: append what its message needs ---------> kept ------+   then the rest as above
//
// Each byte is copied at most once, and at most twice as many bytes are copied as the kept message needed, however
// small the pieces in which it arrived; memory grows with the bytes that have arrived, never with a claimed length.

/// Splits received bytes into messages and keeps the incomplete rest.
struct MessageBuffer<Decoder: MessageDecoder> {
    /// Why delivery stopped.
    enum Outcome {
        /// No further complete message is available.
        case incomplete
        /// The receiver wants no more messages for now; the remaining bytes are kept.
        case stopped
        /// The bytes are malformed; the buffer must not be used any more.
        case refused(FramingError)
    }

    private var decoder: Decoder
    /// The unprocessed input, or `nil` if empty.
    private(set) var kept: ByteQueue?
    /// The number of bytes that the decoder needs before it is called again.
    private var needed = 0

    init(_ decoder: Decoder) { self.decoder = decoder }

    /// The number of bytes kept.
    var count: Int { kept?.count ?? 0 }

    /// Delivers the complete messages in the kept bytes and in `bytes`, and keeps the rest.
    ///
    /// - Parameter body: receives a message; returns whether it takes another one.
    @inline(__always)
    mutating func receive(_ bytes: RawSpan, _ loop: EventLoop, _ body: (RawSpan) throws -> Bool) rethrows -> Outcome {
        var start = 0
        var outcome = Outcome.incomplete
        if kept != nil { (outcome, start) = try completeKept(with: bytes, loop, body) }
        if case .incomplete = outcome, start < bytes.byteCount {
            let used: Int
            (outcome, used) = try cut(bytes.extracting(start...), body)
            start &+= used
        }
        if start < bytes.byteCount { keep(bytes.extracting(start...), loop) }
        return outcome
    }

    /// Delivers complete messages from the kept bytes; used to resume after ``Outcome/stopped``.
    @inline(__always)
    mutating func goOn(_ loop: EventLoop, _ body: (RawSpan) throws -> Bool) rethrows -> Outcome {
        guard let kept else { return .incomplete }
        let (outcome, used) = try kept.withFirst { try cut($0, body) }
        drop(used, loop)
        return outcome
    }

    /// Handles the end of the stream: the kept bytes are the last message, or an error.
    mutating func end(_ loop: EventLoop, _ body: (RawSpan) throws -> Void) rethrows -> Outcome {
        guard let kept else { return .incomplete }
        defer { release(to: loop) }
        return try kept.withFirst { bytes in
            let cut: MessageCut
            do throws(FramingError) { cut = try decoder.decodeLast(bytes) } catch { return .refused(error) }
            if cut.used > 0 { try body(bytes.extracting(cut.message)) }
            return .incomplete
        }
    }

    /// Returns the kept bytes, and keeps them no longer.
    mutating func takeKept() -> ByteQueue? {
        defer { kept = nil }
        return kept
    }

    /// Discards the kept bytes.
    mutating func release(to loop: EventLoop) {
        guard let kept else { return }
        self.kept = nil
        loop.recycle(kept)
    }

    // MARK: Cutting

    /// Delivers messages from the beginning of `bytes`; returns why it stopped, and the number of bytes used.
    @inline(__always)
    private mutating func cut(_ bytes: RawSpan, _ body: (RawSpan) throws -> Bool) rethrows -> (Outcome, Int) {
        var left = bytes
        needed = 0
        while !left.isEmpty {
            let cut: MessageCut
            do throws(FramingError) { cut = try decoder.decode(left) } catch {
                return (.refused(error), bytes.byteCount &- left.byteCount)
            }
            if cut.used == 0 {
                needed = cut.needed
                break
            }
            let message = left.extracting(cut.message)
            left = left.extracting(cut.used...)
            if try !body(message) && !left.isEmpty { return (.stopped, bytes.byteCount &- left.byteCount) }
        }
        return (.incomplete, bytes.byteCount &- left.byteCount)
    }

    /// Extends the kept bytes until their message is complete, and delivers it; returns the number of `bytes` used.
    @inline(never)
    private mutating func completeKept(
        with bytes: RawSpan, _ loop: EventLoop, _ body: (RawSpan) throws -> Bool
    ) rethrows -> (Outcome, Int) {
        var added = 0
        while let kept, added < bytes.byteCount {
            let before = kept.count
            let wanted = needed > before ? needed - before : max(512, before)
            let piece = min(wanted, bytes.byteCount - added)
            kept.append(bytes.extracting(added..<added + piece))
            added += piece
            if kept.count < needed { break }
            var goesOn = true
            let (outcome, used) = try kept.withFirst {
                try cut($0) {
                    goesOn = try body($0)
                    return false
                }
            }
            if case .refused = outcome { return (outcome, added) }
            if used == 0 { continue }
            // The unused part of the piece is decoded where it was received.
            let returned = min(piece, kept.count - used)
            kept.removeLast(returned)
            added -= returned
            drop(used, loop)
            if !goesOn { return (added < bytes.byteCount || self.kept != nil ? .stopped : .incomplete, added) }
        }
        return (.incomplete, added)
    }

    // MARK: Keeping

    @inline(never)
    private mutating func keep(_ bytes: RawSpan, _ loop: EventLoop) {
        let queue = kept ?? loop.takeQueue()
        queue.append(bytes)
        kept = queue
    }

    private mutating func drop(_ used: Int, _ loop: EventLoop) {
        kept?.removeFirst(used)
        if kept?.isEmpty == true { release(to: loop) }
    }
}
