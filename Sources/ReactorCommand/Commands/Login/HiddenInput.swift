// Reading what nobody should see: a terminal shows nothing of what is typed meanwhile (termios(3), ECHO), and is given back
// as it was on every way out.

import ArgumentParser
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

    /// Signals that end the program, and the one of control-Z, which must find the terminal as it was.
    private static let stopping = Signal(rawValue: SIGTSTP)
    private static let signals = [Signal.interrupt, .terminate, .hangUp, Signal(rawValue: SIGQUIT), stopping]

    /// Reads one line of standard input without showing it.
    ///
    /// A signal that would end the program ends the wait; the terminal is restored first.
    /// - Returns: The line without its end; `nil` when there is none, or one longer than `limit`.
    /// - Throws: `ExitCode` of 128 and the signal's number after a signal.
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
                // Stops here, and goes on when the shell continues the program.
                _ = kernel.setBlocked(stopping, false)
                raise(SIGTSTP)
                _ = kernel.setBlocked(stopping, true)
                terminal.hide()
                StandardError.write(prompt)
            }
        }
    }

    /// Waits until the terminal has a line; returns a signal that came first.
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
