// From bytes to messages: whole ones are lent where they lie, and what is left of a read is kept until it is whole. It
// knows a loop only as the place where queues come from; who receives the bytes and what becomes of the messages is not
// its business.
//
//     received bytes --> nothing kept: cut where they are ---------------------> messages
//          |                                   |  rest                              ^
//          |                                   v                                    |
//          +--> something kept: as much of them as its message takes --> kept ------+   then the others as above
//
// A byte is copied at most once on its way in, and no more of them than twice what the kept message needed, however
// small the pieces in which it came; memory grows with what has arrived, never with what a length field claims.

/// Cuts received bytes into messages and keeps the incomplete rest.
struct MessageBuffer<Decoder: MessageDecoder> {
    /// Why no further message was handed out.
    enum Outcome {
        /// There is no further one yet.
        case incomplete
        /// Whoever takes them wanted no more; there are more bytes, which are kept.
        case stopped
        /// The bytes are no message. Nothing may be asked any more.
        case refused(FramingError)
    }

    private var decoder: Decoder
    /// What was received and not handed out; there exactly while it is not empty.
    private(set) var kept: ByteQueue?
    /// How many bytes have to be there before the decoder is asked again.
    private var needed = 0

    init(_ decoder: Decoder) { self.decoder = decoder }

    /// Bytes that are kept.
    var count: Int { kept?.count ?? 0 }

    /// Hands out the whole messages among what is kept and these bytes, and keeps the rest.
    ///
    /// `body` answers whether it takes another one.
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

    /// Hands out what is whole among the bytes that are kept; for those who stopped, and go on.
    @inline(__always)
    mutating func goOn(_ loop: EventLoop, _ body: (RawSpan) throws -> Bool) rethrows -> Outcome {
        guard let kept else { return .incomplete }
        let (outcome, used) = try kept.withFirst { try cut($0, body) }
        drop(used, loop)
        return outcome
    }

    /// The stream has ended: what is kept is the last message, or an error.
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

    /// Forgets what is kept.
    mutating func release(to loop: EventLoop) {
        guard let kept else { return }
        self.kept = nil
        loop.recycle(kept)
    }

    // MARK: Cutting

    /// Hands out messages from the beginning of `bytes`; answers why it stopped, and where.
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

    /// Adds to what is kept until its message is whole, and hands that out; answers how many of `bytes` are done with.
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
            // What of the piece is not used up is cut where it was received.
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
