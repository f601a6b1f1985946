// The user's terminal in raw mode, on the normal screen: keys arrive one by one, without echo and without signals
// (termios(3)). The owner restores it on every exit path.

import Demos

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The terminal on standard input, in raw mode.
final class RawTerminal {
    private var original = termios()
    private var isRaw = false

    /// Saves the settings of the terminal; fails unless standard input and output are terminals.
    init?() {
        guard Terminal.isInput, Terminal.isOutput else { return nil }
        // Safe: the call fills `original`, a stored property of the right type, and does not keep the pointer.
        guard unsafe tcgetattr(STDIN_FILENO, &original) == 0 else { return nil }
    }

    deinit { restore() }

    /// Switches to raw mode.
    func makeRaw() {
        var raw = original
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
        raw.c_iflag &= ~tcflag_t(IXON | ICRNL | INLCR | IGNCR)
        // Safe: the call reads the local `termios` and does not keep the pointer.
        isRaw = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0
    }

    /// Restores the saved settings, with the cursor at the start of an empty row. Further calls do nothing.
    func restore() {
        guard isRaw else { return }
        isRaw = false
        StandardOutput.announce(LineEditor.erasure)
        // Safe: the call reads `original` and does not keep the pointer.
        _ = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &original)
    }
}
