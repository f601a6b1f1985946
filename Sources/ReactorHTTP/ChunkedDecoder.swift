// The chunked transfer coding (RFC 9112, 7.1): a stream of bytes in, the body's pieces out, where they lie. It takes bytes
// in pieces of any size, keeps none, and knows no socket.
//
//     size --;--> extension --+
//       |         (ChunkExtension.swift)
//       +-------- CR LF ------+--> data --> CR LF --> size
//       +--- of a size of 0 ----------> trailer lines --empty line--> done
//
// Extensions are thrown away within a limit, and so are trailers, which nobody here has use for: none may change what a
// head said (RFC 9110, 6.5.1).

import Reactor

/// Decodes one chunked body.
struct ChunkedDecoder {
    /// What came of one step.
    enum Step: Equatable {
        /// These bytes are of the body.
        case data(Range<Int>)
        /// All bytes are used up, and the body goes on.
        case needsMore
        /// The body, with its trailers, ends before this place.
        case done(Int)
    }

    private enum Stage { case size, extensions, sizeNewline, data, dataReturn, dataNewline, trailer, trailerNewline }

    private var stage = Stage.size
    /// Of the size that is read, and then of the data that is left.
    private var left = 0
    private var digits = 0
    private var extensionBytes = 0
    private var chunkExtension = ChunkExtension()
    private var trailerBytes = 0
    private var trailers = 0
    /// The trailer line that is read: whole, it has to be a field.
    private var line: [UInt8] = []
    private let limits: HTTPLimits

    init(_ limits: HTTPLimits) { self.limits = limits }

    /// Goes on from a place in the bytes, to the end of the next piece of the body or of the bytes.
    ///
    /// - Parameter offset: where to go on; behind a piece that was answered, behind that.
    /// - Throws: ``HTTPRefusal``; nothing may be asked any more.
    mutating func decode(_ bytes: RawSpan, from offset: Int) throws(HTTPRefusal) -> Step {
        var index = offset
        while index < bytes.byteCount {
            if stage == .data {
                let piece = index..<index + min(left, bytes.byteCount - index)
                left -= piece.count
                if left == 0 { stage = .dataReturn }
                return .data(piece)
            }
            let byte = bytes.byte(at: index)
            index += 1
            if try step(byte) { return .done(index) }
        }
        return .needsMore
    }

    /// Takes a byte that is not of the body; answers whether it was the last.
    private mutating func step(_ byte: UInt8) throws(HTTPRefusal) -> Bool {
        switch stage {
        case .size: try stepSize(byte)
        case .extensions:
            if byte == HTTPByte.carriageReturn {
                guard chunkExtension.mayEnd else { throw .malformed("a chunk extension is incomplete") }
                stage = .sizeNewline
            } else {
                try stepExtension(byte)
            }
        case .sizeNewline:
            try expect(byte, HTTPByte.newline)
            stage = left > 0 ? .data : .trailer
            digits = 0
        case .dataReturn:
            try expect(byte, HTTPByte.carriageReturn)
            stage = .dataNewline
        case .dataNewline:
            try expect(byte, HTTPByte.newline)
            stage = .size
        case .trailer:
            if byte == HTTPByte.carriageReturn {
                stage = .trailerNewline
            } else {
                trailerBytes += 1
                if trailerBytes > limits.trailerBytes { throw HTTPRefusal(431, "the trailer section is too large") }
                if byte == HTTPByte.newline { throw .malformed("a trailer line ends with no carriage return") }
                line.append(byte)
            }
        case .trailerNewline:
            try expect(byte, HTTPByte.newline)
            if line.isEmpty { return true }
            try checkTrailer()
            stage = .trailer
        case .data: break
        }
        return false
    }

    private mutating func stepSize(_ byte: UInt8) throws(HTTPRefusal) {
        if let digit = HTTPByte.hexDigit(byte) {
            digits += 1
            // Zeros before it count as well: sixteen digits would be more than there is memory.
            if digits > 15 { throw .malformed("a chunk's size is too long") }
            left = left << 4 | digit
            return
        }
        guard digits > 0 else { throw .malformed("a chunk's size is missing or no number") }
        if byte == HTTPByte.carriageReturn {
            stage = .sizeNewline
        } else if byte == UInt8(ascii: ";") || HTTPByte.isBlank(byte) {
            stage = .extensions
            chunkExtension = ChunkExtension()
            try stepExtension(byte)
        } else {
            throw .malformed("a chunk's size is no number")
        }
    }

    private mutating func stepExtension(_ byte: UInt8) throws(HTTPRefusal) {
        extensionBytes += 1
        if extensionBytes > limits.chunkExtensionBytes { throw .malformed("chunk extensions without end") }
        if !chunkExtension.take(byte) { throw .malformed("a malformed chunk extension") }
    }

    private func expect(_ byte: UInt8, _ expected: UInt8) throws(HTTPRefusal) {
        if byte != expected { throw .malformed("a chunk does not end with CR LF") }
    }

    private mutating func checkTrailer() throws(HTTPRefusal) {
        trailers += 1
        if trailers > limits.fields { throw HTTPRefusal(431, "there are too many trailers") }
        _ = unsafe try HTTPFieldLine.parse(line.span.bytes, 0..<line.count)  // safe: a UInt8 has no padding
        line.removeAll(keepingCapacity: true)
    }
}
