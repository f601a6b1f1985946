// The standard streams of clients and tools, written synchronously. A server, whose loop must not block on its output,
// uses `ServerLog` instead.

import Reactor
import Synchronization
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The standard error stream, unbuffered.
enum StandardError {
    /// Whether standard error is a terminal (isatty(3)).
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes a text at once. Errors are ignored: a message that cannot be shown must not fail the command.
    static func write(_ text: String) { try? LinuxKernel.shared.writeAll(text.utf8Span.span, to: .standardError) }
}

/// The standard output stream of a client or a tool, unbuffered.
///
/// Output that cannot be written ends the command with status 1 and a line that says why, or silently when the reader
/// has closed the pipe (`reactor ... | head`).
enum StandardOutput {
    private struct State {
        var failure: Errno?
        var loop: LoopHandle?
    }

    private static let state = Mutex(State())

    /// The error of the first failed write; `nil` if all output was written. May be read on any thread.
    static var failure: Errno? { state.withLock { $0.failure } }

    /// Registers a loop that stops at the first failed write, because its results can no longer be shown.
    static func stopsOnFailure(_ loop: EventLoop) { state.withLock { $0.loop = loop.handle } }

    /// Writes a text and a terminator at once. Does nothing after a failed write.
    static func print(_ text: String, terminator: String = "\n") {
        let text = text + terminator
        write(text.utf8Span.span)
    }

    /// Writes bytes at once. Does nothing after a failed write. May be called on any thread.
    ///
    /// - Returns: Whether the bytes were written.
    @discardableResult
    static func write(_ bytes: Span<UInt8>) -> Bool {
        if failure != nil { return false }
        do throws(Errno) {
            try LinuxKernel.shared.writeAll(bytes, to: .standardOutput)
            return true
        } catch {
            fail(error)
            return false
        }
    }

    /// Writes a text and ignores errors: for sequences that restore a terminal which may be gone, and for the first
    /// line of a server that must stay single-threaded.
    static func announce(_ text: String) {
        try? LinuxKernel.shared.writeAll(text.utf8Span.span, to: .standardOutput)
    }

    private static func fail(_ errno: Errno) {
        let loop = state.withLock { state in
            if state.failure == nil { state.failure = errno }
            return state.loop
        }
        _ = loop?.stop()
    }
}
