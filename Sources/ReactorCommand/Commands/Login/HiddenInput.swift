// Reading what nobody should see: a terminal shows nothing of what is typed meanwhile (termios(3), ECHO), and is given back
// as it was on every way out.

import Reactor
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The terminal that is standard input, and whether it shows what is typed.
final class HiddenInput {
    private var original = termios()
    /// Whether nothing is shown.
    private(set) var isHidden = false

    /// The terminal; `nil` when standard input is none.
    init?() {
        guard Terminal.isInput, unsafe tcgetattr(STDIN_FILENO, &original) == 0 else { return nil }
    }

    deinit { show() }

    /// Shows nothing from now on. What was typed before is thrown away: it was not meant for a password.
    func hide() {
        var settings = original
        settings.c_lflag &= ~tcflag_t(ECHO)
        settings.c_lflag |= tcflag_t(ECHONL)
        isHidden = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) == 0
    }

    /// Shows what is typed, as before.
    func show() {
        guard isHidden else { return }
        isHidden = false
        _ = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &original)
    }

    /// Reads one line of standard input without showing it.
    ///
    /// - Returns: The line without its end; `nil` when there is none, or one longer than `limit`.
    static func readLine(_ prompt: String, limit: Int) -> [UInt8]? {
        let terminal = HiddenInput()
        // A signal that ends the program meanwhile would leave the terminal as it is now.
        var all = sigset_t()
        var before = sigset_t()
        unsafe sigemptyset(&all)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP] { unsafe sigaddset(&all, number) }
        if let terminal {
            unsafe pthread_sigmask(SIG_BLOCK, &all, &before)
            terminal.hide()
            StandardError.write(prompt)
        }
        defer {
            if let terminal {
                terminal.show()
                unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
            }
        }
        var line: [UInt8] = []
        while true {
            var byte: UInt8 = 0
            // Safe: one byte has room for one byte.
            let count = unsafe withUnsafeMutableBytes(of: &byte) { unsafe read(STDIN_FILENO, $0.baseAddress, 1) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return line.isEmpty ? nil : line }
            if byte == UInt8(ascii: "\n") { return line }
            guard line.count < limit else { return nil }
            line.append(byte)
        }
    }
}
