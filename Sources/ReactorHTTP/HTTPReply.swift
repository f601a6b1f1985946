// What goes out in answer to a request: bytes, or bytes and a part of a file. It says nothing of how it is sent.

import ServedFiles

/// An answer that is ready to be sent. Whoever has it sends the file, or closes it.
enum HTTPReply: ~Copyable {
    /// All of the answer.
    case bytes([UInt8])
    /// The head, and the part of the file that is its content, which is not empty; its place among the open files.
    case file(head: [UInt8], ServedFile, Range<Int>, FilePlace)
}
