// The hash that both sides compare. Its implementation is passed in, so that the protocol depends on no library.

internal import ServedFiles

/// A hash computed incrementally.
package protocol TransferHash: Sendable {
    /// Creates the hash of no bytes.
    init()
    /// Hashes more bytes.
    mutating func update(_ bytes: UnsafeRawBufferPointer)
    /// The hash of all bytes so far, in lower-case hexadecimal; hashing may continue afterwards.
    var hexadecimal: String { get }
}

#if FileTransfer
    import Crypto

    /// SHA-256 (FIPS 180-4), implemented by swift-crypto.
    package struct SHA256Hash: TransferHash {
        private var hash = SHA256()

        /// Creates the hash of no bytes.
        package init() {}

        /// Hashes more bytes.
        package mutating func update(_ bytes: UnsafeRawBufferPointer) {
            // Safe: the caller's bytes are valid for the call.
            unsafe hash.update(bufferPointer: bytes)
        }

        /// The hash of all bytes so far, in lower-case hexadecimal.
        package var hexadecimal: String {
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

/// The hash of a file in progress, handed from one piece of blocking work to the next.
// Safe to share: one piece of work at a time uses it, and the loop does only between two of them.
final class RunningHash: @unchecked Sendable {
    private var hash: any TransferHash
    /// The number of bytes hashed.
    private(set) var count = 0
    private var buffer: [UInt8] = []
    private static let bufferSize = 256 * 1024

    init(_ type: any TransferHash.Type) { hash = type.init() }

    var hexadecimal: String { hash.hexadecimal }

    func update(_ bytes: UnsafeRawBufferPointer) {
        // Safe: the caller's bytes are valid for the call.
        unsafe hash.update(bytes)
        count += bytes.count
    }

    /// Hashes the file from the current position up to an offset.
    ///
    /// - Throws: ``TransferError``, also if the file ends before that offset.
    func update(from file: any StoredFile, to end: Int) throws(TransferError) {
        if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: Self.bufferSize) }
        while count < end {
            let wanted = min(end - count, buffer.count)
            var result: Result<Int, FileAccessError> = .success(0)
            // Safe: the file writes within the buffer and returns the number of bytes written.
            unsafe buffer.withUnsafeMutableBytes { target in
                let piece = unsafe UnsafeMutableRawBufferPointer(rebasing: target[..<wanted])
                result = Result { () throws(FileAccessError) in try unsafe file.read(at: count, into: piece) }
                if case .success(let taken) = result {
                    unsafe hash.update(UnsafeRawBufferPointer(rebasing: piece[..<taken]))
                }
            }
            switch result {
            case .success(0): throw TransferError(.changed, "the file was truncated while it was read")
            case .success(let taken): count += taken
            case .failure(let error): throw TransferError(error)
            }
        }
    }

    /// Releases the buffer.
    func rest() { buffer = [] }
}
