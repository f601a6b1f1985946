// The terminal as a screen: keys without a wait for the end of the line, a second page that leaves the first one as it
// was, and the size.

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The terminal that standard input and output are connected to.
struct Terminal {
    private static let toSecondPage = "\u{1B}[?1049h\u{1B}[?25l"
    private static let toFirstPage = "\u{1B}[?25h\u{1B}[?1049l"

    private let saved: termios

    /// Whether there is one to show something on.
    static var isOutput: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Takes the terminal over. Control-C and control-Z are keys like others from now on.
    init() {
        var settings = termios()
        unsafe tcgetattr(STDIN_FILENO, &settings)
        saved = settings
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
        Self.write(Self.toSecondPage)
    }

    /// Whether keys come from one.
    static var isInput: Bool { isatty(STDIN_FILENO) == 1 }

    /// Gives it back as it was.
    func restore() {
        var settings = saved
        unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
        Self.write(Self.toFirstPage)
    }

    /// Columns and rows; 80 by 24 where the terminal does not know.
    static var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Shows lines in place of those before.
    static func show(_ lines: [String]) {
        write("\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J")
    }

    /// Bold.
    static func emphasised(_ text: String) -> String { "\u{1B}[1m\(text)\u{1B}[0m" }

    private static func write(_ text: String) {
        // A terminal that is gone says so with a signal.
        StandardOutput.announce(text)
    }
}
