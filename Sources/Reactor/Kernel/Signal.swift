// Names for the numbers of signals.

import CReactor

/// A signal of the operating system (signal(7)).
public struct Signal: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// The signal's number.
    public let rawValue: CInt

    /// Creates a signal from its number.
    public init(rawValue: CInt) { self.rawValue = rawValue }

    /// `SIGHUP`: the terminal hung up; by convention, reload the configuration.
    public static let hangUp = Signal(rawValue: 1)
    /// `SIGINT`: interrupt from the keyboard.
    public static let interrupt = Signal(rawValue: 2)
    /// `SIGUSR1`: for the program's own use.
    public static let user1 = Signal(rawValue: 10)
    /// `SIGUSR2`: for the program's own use.
    public static let user2 = Signal(rawValue: 12)
    /// `SIGPIPE`: a write to a pipe or socket without a reader.
    public static let brokenPipe = Signal(rawValue: 13)
    /// `SIGTERM`: a request to terminate.
    public static let terminate = Signal(rawValue: 15)
    /// `SIGCHLD`: a child process exited or stopped.
    public static let child = Signal(rawValue: 17)
    /// `SIGWINCH`: the terminal's size changed.
    public static let windowChanged = Signal(rawValue: 28)

    /// The reason why no loop can watch this signal; `nil` if it can be watched.
    var refusal: String? {
        switch rawValue {
        case SIGKILL, SIGSTOP: "no process can catch it (signal(7))"
        case SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS:
            "it reports a fault of the running thread, which no signalfd receives (signalfd(2))"
        case 1..<32, creactor_first_realtime_signal()...creactor_last_signal(): nil
        case 32..<creactor_first_realtime_signal(): "the C library reserves it (signal(7))"
        default: "it is not a valid signal number; use 1 to \(creactor_last_signal())"
        }
    }

    /// The signal's usual name, or its number.
    public var description: String {
        switch self {
        case .hangUp: "SIGHUP"
        case .interrupt: "SIGINT"
        case .user1: "SIGUSR1"
        case .user2: "SIGUSR2"
        case .brokenPipe: "SIGPIPE"
        case .terminate: "SIGTERM"
        case .child: "SIGCHLD"
        case .windowChanged: "SIGWINCH"
        default: "signal \(rawValue)"
        }
    }
}
