// ctrl-C for work that runs on the calling thread: it is noted, and the work ends itself and keeps its results.

import ArgumentParser
import Reactor

/// A watch for SIGINT, SIGTERM and SIGHUP by a loop that is turned when it is asked.
final class Interrupt {
    private let loop: EventLoop
    private var received: Signal?

    /// - Throws: `SocketError` when the signals cannot be watched.
    init() throws {
        loop = try EventLoop()
        for signal in [Signal.interrupt, .terminate, .hangUp] {
            try loop.watchSignal(signal) { [unowned self] in received = received ?? signal }
        }
    }

    /// Returns whether one of the signals has come.
    ///
    /// - Throws: `SocketError` when the loop fails.
    func hasCome() throws -> Bool {
        try loop.turn(mayWait: false)
        return received != nil
    }

    /// Ends the watch.
    func end() { loop.shutdown() }

    /// Throws the exit status of a command that a signal has ended: 128 plus its number, as in a shell.
    func exitIfCome() throws {
        if let received { throw ExitCode(128 + received.rawValue) }
    }
}
