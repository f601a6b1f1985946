// The user's terminal as a line to write on, without a page of its own: every key at once, none shown by the system, none of
// them a signal (termios(3)). Whoever has put it there restores it, on every way out.

import Demos

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The terminal that is standard input.
final class RawTerminal {
    private var original = termios()
    private var isRaw = false

    /// The terminal, if standard input and standard output are one.
    init?() {
        guard Terminal.isInput, Terminal.isOutput else { return nil }
        guard unsafe tcgetattr(STDIN_FILENO, &original) == 0 else { return nil }
    }

    deinit { restore() }

    /// Takes keys one by one from now on.
    func makeRaw() {
        var raw = original
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
        raw.c_iflag &= ~tcflag_t(IXON | ICRNL | INLCR | IGNCR)
        isRaw = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0
    }

    /// Leaves the terminal as it was found, at the beginning of an empty row. Calling it again does nothing.
    func restore() {
        guard isRaw else { return }
        isRaw = false
        StandardOutput.announce(LineEditor.erasure)
        _ = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &original)
    }
}
