// The hash that both sides compare. What computes it is given from outside, so that the protocol needs no library for it.

import ServedFiles

/// A hash that is computed piece by piece.
public protocol TransferHash: Sendable {
    /// The hash of nothing yet.
    init()
    /// Goes on with more bytes.
    mutating func update(_ bytes: UnsafeRawBufferPointer)
    /// The hash of all bytes so far, in lower-case hexadecimal digits; one may go on after it.
    var hexadecimal: String { get }
}

#if FileTransfer
    import Crypto

    /// SHA-256 (FIPS 180-4), by swift-crypto.
    public struct SHA256Hash: TransferHash {
        private var hash = SHA256()

        /// The hash of nothing yet.
        public init() {}

        /// Goes on with more bytes.
        public mutating func update(_ bytes: UnsafeRawBufferPointer) { unsafe hash.update(bufferPointer: bytes) }

        /// The hash of all bytes so far.
        public var hexadecimal: String {
            let digits = Array("0123456789abcdef".utf8)
            var text: [UInt8] = []
            for byte in hash.finalize() {
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            }
            return String(decoding: text, as: UTF8.self)
        }
    }
#endif

/// A hash on its way through a file, handed from one piece of blocking work to the next.
// Safe to share: one piece of work at a time has it, and the loop only between two of them.
final class RunningHash: @unchecked Sendable {
    private var hash: any TransferHash
    /// How many bytes it has seen.
    private(set) var count = 0
    private var buffer: [UInt8] = []
    private static let bufferSize = 256 * 1024

    init(_ type: any TransferHash.Type) { hash = type.init() }

    var hexadecimal: String { hash.hexadecimal }

    func update(_ bytes: UnsafeRawBufferPointer) {
        unsafe hash.update(bytes)
        count += bytes.count
    }

    /// Goes on with what a file holds from where this is, at most so many bytes; a file that ends before that is refused.
    func update(from file: any StoredFile, to end: Int) throws(TransferError) {
        if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: Self.bufferSize) }
        while count < end {
            let wanted = min(end - count, buffer.count)
            var result: Result<Int, FileAccessError> = .success(0)
            // Safe: the file writes within the buffer, and says how much.
            unsafe buffer.withUnsafeMutableBytes { target in
                let piece = unsafe UnsafeMutableRawBufferPointer(rebasing: target[..<wanted])
                result = Result { () throws(FileAccessError) in try unsafe file.read(at: count, into: piece) }
                if case .success(let taken) = result {
                    unsafe hash.update(UnsafeRawBufferPointer(rebasing: piece[..<taken]))
                }
            }
            switch result {
            case .success(0): throw TransferError(.changed, "the file got shorter while it was read")
            case .success(let taken): count += taken
            case .failure(let error): throw TransferError(error)
            }
        }
    }

    /// Frees the buffer.
    func rest() { buffer = [] }
}
