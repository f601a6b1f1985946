// Reading a password: the terminal does not echo while it is typed (termios(3), ECHO), and is restored on every exit
// path.

import ArgumentParser
import Reactor
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The terminal on standard input, with echo that can be switched off.
final class HiddenInput {
    private var original = termios()
    /// Whether echo is off.
    private(set) var isHidden = false

    /// Saves the settings of the terminal; fails when standard input is not a terminal.
    init?() {
        // Safe: the call fills `original`, a stored property of the right type, and does not keep the pointer.
        guard Terminal.isInput, unsafe tcgetattr(STDIN_FILENO, &original) == 0 else { return nil }
    }

    deinit { show() }

    /// Switches echo off. Pending input is discarded: it was not meant to be a password.
    func hide() {
        var settings = original
        settings.c_lflag &= ~tcflag_t(ECHO)
        settings.c_lflag |= tcflag_t(ECHONL)
        // Safe: the call reads the local `termios` and does not keep the pointer.
        isHidden = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) == 0
    }

    /// Restores echo.
    func show() {
        guard isHidden else { return }
        isHidden = false
        // Safe: the call reads `original` and does not keep the pointer.
        _ = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &original)
    }

    /// The signals that end the program, and that of ctrl-Z (SIGTSTP): the terminal must be restored before each of
    /// them.
    private static let stopping = Signal(rawValue: SIGTSTP)
    private static let signals = [Signal.interrupt, .terminate, .hangUp, Signal(rawValue: SIGQUIT), stopping]

    /// Reads one line of standard input without echo.
    ///
    /// A signal that would end the program ends the wait; the terminal is restored first.
    /// - Parameters:
    ///   - prompt: what to print before reading, if standard input is a terminal.
    ///   - limit: the longest line, in bytes.
    /// - Returns: The line without its newline; `nil` at the end of input or when the line is longer than `limit`.
    /// - Throws: `ExitCode` of 128 plus the signal's number after a signal.
    static func readLine(_ prompt: String, limit: Int) throws -> [UInt8]? {
        guard let terminal = HiddenInput() else { return try readLine(limit: limit) {} }
        let kernel = LinuxKernel.shared
        let before = signals.map { ($0, kernel.setBlocked($0, true).rawValue == 1) }
        defer {
            terminal.show()
            for (signal, wasBlocked) in before where !wasBlocked { _ = kernel.setBlocked(signal, false) }
        }
        let arrivals = kernel.signalDescriptor(for: signals)
        guard arrivals.succeeded else { throw CommandFailure("cannot watch for signals: \(arrivals.errno!)") }
        defer { _ = kernel.close(arrivals.descriptor) }
        terminal.hide()
        StandardError.write(prompt)
        return try readLine(limit: limit) {
            while let signal = waitForInput(orSignalOf: arrivals.descriptor) {
                terminal.show()
                StandardError.write("\n")
                if signal != stopping { throw ExitCode(128 + signal.rawValue) }
                // The process stops here, and continues when the shell sends SIGCONT.
                _ = kernel.setBlocked(stopping, false)
                raise(SIGTSTP)
                _ = kernel.setBlocked(stopping, true)
                terminal.hide()
                StandardError.write(prompt)
            }
        }
    }

    /// Waits until the terminal has a line.
    ///
    /// - Returns: The signal that arrived first; `nil` when a line is ready.
    private static func waitForInput(orSignalOf arrivals: FileDescriptor) -> Signal? {
        let pollIn: Int16 = 1
        while true {
            var entries = [FileDescriptor.standardInput, arrivals].map {
                PollEntry(descriptor: $0.rawValue, events: pollIn)
            }
            var span = entries.mutableSpan
            _ = LinuxKernel.shared.poll(&span, timeout: .forever)
            if entries[1].found != 0 {
                let signal = LinuxKernel.shared.readSignal(arrivals)
                if signal.succeeded { return Signal(rawValue: CInt(truncatingIfNeeded: signal.rawValue)) }
            }
            if entries[0].found != 0 { return nil }
        }
    }

    private static func readLine(limit: Int, waiting: () throws -> Void) throws -> [UInt8]? {
        var line: [UInt8] = []
        while true {
            try waiting()
            var byte: UInt8 = 0
            // Safe: the call writes at most one byte, into a variable of one byte.
            let count = unsafe withUnsafeMutableBytes(of: &byte) { unsafe read(STDIN_FILENO, $0.baseAddress, 1) }
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return line.isEmpty ? nil : line }
            if byte == UInt8(ascii: "\n") { return line }
            guard line.count < limit else { return nil }
            line.append(byte)
        }
    }
}
