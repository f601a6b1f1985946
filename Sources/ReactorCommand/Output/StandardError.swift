// Text for the user beside the output: messages, and the live line of a terminal.

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// write(2), under a name that a method called `write` does not hide.
private let writeBytes = unsafe write(_:_:_:)

/// The standard error stream, unbuffered.
enum StandardError {
    /// Whether a terminal shows it (isatty(3)).
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes text at once. Where nobody reads it, it is lost, which is no reason to fail.
    static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            // The bytes are lent for this call, and no more than there are is written.
            _ = unsafe writeBytes(STDERR_FILENO, bytes.baseAddress, bytes.count)
        }
    }
}

/// The standard output stream.
enum StandardOutput {
    /// Writes out what `print` has buffered, so that a program that waits for a line gets it.
    static func flush() {
        _ = fflush(nil)
    }
}
