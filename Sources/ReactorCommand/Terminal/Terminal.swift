// The terminal as a full screen: keys one by one, the alternate screen (which preserves the normal one), and the size.

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The terminal on standard input and output, in full-screen mode.
struct Terminal {
    private static let toSecondPage = "\u{1B}[?1049h\u{1B}[?25l"
    private static let toFirstPage = "\u{1B}[?25h\u{1B}[?1049l"

    private let saved: termios

    /// Whether standard output is a terminal (isatty(3)).
    static var isOutput: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Switches to the alternate screen and to key-by-key input, in which ctrl-C and ctrl-Z are ordinary keys.
    init() {
        var settings = termios()
        // Safe: the call fills the local `termios` and does not keep the pointer.
        unsafe tcgetattr(STDIN_FILENO, &settings)
        saved = settings
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        // Safe: the call reads the local `termios` and does not keep the pointer.
        unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
        Self.write(Self.toSecondPage)
    }

    /// Whether standard input is a terminal (isatty(3)).
    static var isInput: Bool { isatty(STDIN_FILENO) == 1 }

    /// Restores the terminal's settings and the normal screen.
    func restore() {
        var settings = saved
        // Safe: the call reads the local `termios` and does not keep the pointer.
        unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
        Self.write(Self.toFirstPage)
    }

    /// The terminal's size in columns and rows; 80 by 24 if it is unknown.
    static var size: (columns: Int, rows: Int) {
        var size = winsize()
        // Safe: TIOCGWINSZ fills one `winsize`, which is what it is given, and the kernel does not keep the pointer.
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Replaces the contents of the screen with these lines.
    static func show(_ lines: [String]) {
        write("\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J")
    }

    /// Returns a text in bold.
    static func emphasised(_ text: String) -> String { "\u{1B}[1m\(text)\u{1B}[0m" }

    private static func write(_ text: String) {
        // Errors are ignored: a terminal that hangs up is reported by SIGHUP.
        StandardOutput.announce(text)
    }
}
