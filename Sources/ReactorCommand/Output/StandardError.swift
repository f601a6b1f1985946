// What a command writes: its output, and messages for the user beside it. For servers, whose loop must not wait for either,
// there is `ServerLog`.

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
    /// Whether a terminal shows it (isatty(3)).
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes text at once. Where no one reads it, it is lost, which is no reason to fail.
    static func write(_ text: String) { try? LinuxKernel.shared.writeAll(text.utf8Span.span, to: .standardError) }
}

/// The standard output stream of a client or a tool, unbuffered. Output that cannot be written ends the command: with status
/// 1 and one line that says why, or without a word where its reader has gone (`reactor ... | head`).
enum StandardOutput {
    private struct State {
        var failure: Errno?
        var loop: LoopHandle?
    }

    private static let state = Mutex(State())

    /// Why output could not be written; `nil` when all of it was. On any thread.
    static var failure: Errno? { state.withLock { $0.failure } }

    /// The loop stops when output cannot be written: there is nothing left to run for.
    static func stopsOnFailure(_ loop: EventLoop) { state.withLock { $0.loop = loop.handle } }

    /// Writes a text and its end at once. After a failure it does nothing.
    static func print(_ text: String, terminator: String = "\n") {
        let text = text + terminator
        write(text.utf8Span.span)
    }

    /// Writes bytes at once. After a failure it does nothing. On any thread.
    ///
    /// - Returns: Whether they were written.
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

    /// Writes what is lost without harm: what restores a terminal that may be gone, the first line of a server that has
    /// one thread only.
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
