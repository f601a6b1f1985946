// A response that is ready to be sent: bytes, or bytes followed by a part of a file.

import ServedFiles

extension HTTPResponse {
    /// A response that is ready to be sent. Its owner sends the file, or closes it.
    enum Serialized: ~Copyable {
        /// The whole response.
        case bytes([UInt8])
        /// The head, the file, the non-empty range of it that is the content, and its place in the budget of open
        /// files.
        case file(head: [UInt8], ServedFile, Range<Int>, FilePlace)
    }
}
