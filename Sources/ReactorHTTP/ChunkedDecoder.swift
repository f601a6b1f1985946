// Decodes the chunked transfer coding (RFC 9112, 7.1). Input arrives in pieces of any size; the decoder returns the
// ranges of body bytes within them, copies none, and does no I/O.
//
//     size --;--> extension --+
//       |         (ChunkExtension.swift)
//       +-------- CR LF ------+--> data --> CR LF --> size
//       +--- size 0 ------------------> trailer lines --empty line--> done
//
// Extensions and trailers are validated, bounded and discarded: a trailer must not change what the head said (RFC 9110,
// 6.5.1).

import Reactor

/// Decodes one chunked body.
struct ChunkedDecoder {
    /// The result of one decoding step.
    enum Step: Equatable {
        /// This range of the input is body content.
        case data(Range<Int>)
        /// The input is exhausted and the body is incomplete.
        case needsMore
        /// The body, trailers included, ends before this offset.
        case done(Int)
    }

    private enum Stage { case size, extensions, sizeNewline, data, dataReturn, dataNewline, trailer, trailerNewline }

    private var stage = Stage.size
    /// The chunk size as parsed so far, then the remaining bytes of the chunk's data.
    private var left = 0
    private var digits = 0
    private var extensionBytes = 0
    private var chunkExtension = ChunkExtension()
    private var trailerBytes = 0
    private var trailers = 0
    /// The trailer line read so far; a complete one must be a valid field line.
    private var line: [UInt8] = []
    private let limits: HTTPLimits

    init(_ limits: HTTPLimits) { self.limits = limits }

    /// Decodes from `offset` to the end of the next piece of the body, or to the end of the input.
    ///
    /// - Parameters:
    ///   - bytes: the input.
    ///   - offset: where to continue; after ``Step/data(_:)``, the end of that range.
    /// - Returns: The next piece of the body, or the reason why no piece follows.
    /// - Throws: ``HTTPRequestError`` if the body is malformed or exceeds a limit; the decoder must not be used afterwards.
    mutating func decode(_ bytes: RawSpan, from offset: Int) throws(HTTPRequestError) -> Step {
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

    /// Consumes a byte of the framing; returns whether it was the last one of the body.
    private mutating func step(_ byte: UInt8) throws(HTTPRequestError) -> Bool {
        switch stage {
        case .size: try stepSize(byte)
        case .extensions:
            if byte == HTTPByte.carriageReturn {
                guard chunkExtension.mayEnd else { throw .malformed("incomplete chunk extension") }
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
                if trailerBytes > limits.trailerBytes {
                    throw HTTPRequestError(431, "the trailer section is too large")
                }
                if byte == HTTPByte.newline { throw .malformed("a trailer line ends with LF instead of CR LF") }
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

    private mutating func stepSize(_ byte: UInt8) throws(HTTPRequestError) {
        if let digit = HTTPByte.hexDigit(byte) {
            digits += 1
            // Leading zeros count as well; 15 digits are 60 bits.
            if digits > 15 { throw .malformed("a chunk size has more than 15 digits") }
            left = left << 4 | digit
            return
        }
        guard digits > 0 else { throw .malformed("missing or invalid chunk size") }
        if byte == HTTPByte.carriageReturn {
            stage = .sizeNewline
        } else if byte == UInt8(ascii: ";") || HTTPByte.isBlank(byte) {
            stage = .extensions
            chunkExtension = ChunkExtension()
            try stepExtension(byte)
        } else {
            throw .malformed("invalid chunk size")
        }
    }

    private mutating func stepExtension(_ byte: UInt8) throws(HTTPRequestError) {
        extensionBytes += 1
        if extensionBytes > limits.chunkExtensionBytes { throw .malformed("the chunk extensions are too large") }
        if !chunkExtension.take(byte) { throw .malformed("malformed chunk extension") }
    }

    private func expect(_ byte: UInt8, _ expected: UInt8) throws(HTTPRequestError) {
        if byte != expected { throw .malformed("a chunk does not end with CR LF") }
    }

    private mutating func checkTrailer() throws(HTTPRequestError) {
        trailers += 1
        if trailers > limits.fields { throw HTTPRequestError(431, "there are too many trailers") }
        _ = unsafe try HTTPFieldLine.parse(line.span.bytes, 0..<line.count)  // safe: UInt8 has no padding
        line.removeAll(keepingCapacity: true)
    }
}
