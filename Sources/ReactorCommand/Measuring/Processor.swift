// Keeping this process on one processor, so that measurements of server and load do not disturb each other.

import ArgumentParser
import CReactor

/// The processors of this machine.
enum Processor {
    /// How many this process may run on, at least 1.
    static var count: Int { Int(creactor_processor_count()) }

    /// Keeps this thread, and those that it will start, on one processor (sched_setaffinity(2)).
    ///
    /// - Throws: `ValidationError` when there is no such processor, or this process may not use it.
    static func pin(to number: Int) throws {
        guard let number = CInt(exactly: number), creactor_pin(number) == 0 else {
            throw ValidationError("--cpu \(number): there is no such processor for this process; the first is 0")
        }
    }
}
