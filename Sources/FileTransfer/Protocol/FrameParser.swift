// Cutting a stream into frames. Knows no socket: bytes go in, headers and pieces of content come out, and nothing is kept
// but a header that is not complete, as far as it has come.
//
//     prefix --four bytes--> header --all of it--> content --all of it--> prefix
//        +--- a length that no header has: refused         +-- none: at once

import Reactor

/// Cuts a stream into frames.
public struct FrameParser {
    /// What comes next in a stream.
    public enum Part: Sendable, Hashable {
        /// More bytes are needed.
        case nothing
        /// A frame begins.
        case header(TransferHeader)
        /// A part of its content: where it is among the bytes that were given.
        case content(Range<Int>)
        /// The frame is over.
        case end
    }

    private enum State {
        case prefix(count: Int)
        case header(length: Int)
        case content(left: Int)
    }

    private var state = State.prefix(count: 0)
    private var prefix = InlineArray<4, UInt8>(repeating: 0)
    private var collected: [UInt8] = []
    /// The form of the last frame that began.
    public private(set) var form = FrameForm.four

    /// A parser at the beginning of a stream.
    public init() {}

    /// Whether a frame has begun whose header is not complete.
    public var isInHeader: Bool {
        switch state {
        case .prefix(let count): count > 0
        case .header: true
        case .content: false
        }
    }

    /// Whether the stream may end here.
    public var isBetweenFrames: Bool {
        if case .prefix(0) = state { return true }
        return false
    }

    /// Takes the next part from lent bytes.
    ///
    /// - Parameters:
    ///   - bytes: what was received.
    ///   - offset: where to begin; moved behind what was taken.
    /// - Throws: ``TransferError/Code/malformed``; nothing can be made of the stream then.
    public mutating func next(in bytes: RawSpan, at offset: inout Int) throws(TransferError) -> Part {
        while true {
            switch state {
            case .prefix(let count):
                guard offset < bytes.byteCount else { return .nothing }
                prefix[count] = bytes.byte(at: offset)
                offset += 1
                state = .prefix(count: count + 1)
                if count + 1 == FrameForm.prefixLength { try beginHeader() }
            case .header(let length):
                let taken = min(length - collected.count, bytes.byteCount - offset)
                for index in offset..<offset + taken { collected.append(bytes.byte(at: index)) }
                offset += taken
                guard collected.count == length else { return .nothing }
                let header = try TransferHeader.decode(collected)
                collected = []
                state = .content(left: header.contentLength ?? 0)
                return .header(header)
            case .content(0):
                state = .prefix(count: 0)
                return .end
            case .content(let left):
                let taken = min(left, bytes.byteCount - offset)
                guard taken > 0 else { return .nothing }
                defer { offset += taken }
                state = .content(left: left - taken)
                return .content(offset..<offset + taken)
            }
        }
    }

    /// The length is there: it is compared before anything is made of it, and memory is taken as bytes arrive.
    private mutating func beginHeader() throws(TransferError) {
        let (form, length) = FrameForm.read(prefix)
        guard length >= 2 && length <= FrameForm.longestHeader else {
            throw TransferError(
                .malformed, "a header of \(length) bytes, where 2 to \(FrameForm.longestHeader) are allowed")
        }
        self.form = form
        for index in form.width..<FrameForm.prefixLength { collected.append(prefix[index]) }
        state = .header(length: length)
    }
}
