// Splits a stream into frames. Independent of sockets: bytes go in, headers and pieces of content come out, and only an
// incomplete header is buffered.
//
//     prefix --four bytes--> header --complete--> content --complete--> prefix
//        +--- invalid length: refused                +-- no content: at once

internal import Reactor

/// A parser that splits a stream into frames.
package struct FrameParser {
    /// The next part of a stream.
    package enum Part: Sendable, Hashable {
        /// More input is needed.
        case nothing
        /// A frame begins, with this header.
        case header(TransferHeader)
        /// A piece of the frame's content: its range in the bytes passed in.
        case content(Range<Int>)
        /// The frame is complete.
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
    /// The form of the latest frame.
    package private(set) var form = FrameForm.four

    /// Creates a parser at the beginning of a stream.
    package init() {}

    /// Whether a header is incomplete.
    package var isInHeader: Bool {
        switch state {
        case .prefix(let count): count > 0
        case .header: true
        case .content: false
        }
    }

    /// Whether the parser is between two frames, where a stream may end.
    package var isBetweenFrames: Bool {
        if case .prefix(0) = state { return true }
        return false
    }

    /// Parses the next part of the input.
    ///
    /// - Parameters:
    ///   - bytes: the input.
    ///   - offset: where to begin; moved past the bytes consumed.
    /// - Returns: The part, or ``Part/nothing`` if more input is needed.
    /// - Throws: ``TransferError`` with ``TransferError/Code/malformed``; the stream cannot be parsed any further.
    package mutating func next(in bytes: RawSpan, at offset: inout Int) throws(TransferError) -> Part {
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

    /// Checks the claimed length before relying on it; memory grows only as bytes arrive.
    private mutating func beginHeader() throws(TransferError) {
        let (form, length) = FrameForm.read(prefix)
        guard length >= 2 && length <= FrameForm.longestHeader else {
            throw TransferError(
                .malformed, "invalid header length \(length); use 2 to \(FrameForm.longestHeader) bytes")
        }
        self.form = form
        for index in form.width..<FrameForm.prefixLength { collected.append(prefix[index]) }
        state = .header(length: length)
    }
}
