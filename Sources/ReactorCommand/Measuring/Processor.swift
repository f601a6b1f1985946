// Pinning of this process to one processor, so that a server and its load do not disturb each other's measurements.

import ArgumentParser
import CReactor

/// The processors of this machine.
enum Processor {
    /// The number of processors that this process may run on, at least 1.
    static var count: Int { Int(creactor_processor_count()) }

    /// Pins this thread, and the threads that it starts later, to one processor (sched_setaffinity(2)).
    ///
    /// - Throws: `ValidationError` when the processor does not exist or this process may not use it.
    static func pin(to number: Int) throws {
        guard let number = CInt(exactly: number), creactor_pin(number) == 0 else {
            throw ValidationError("--cpu is \(number): no such processor for this process; the first is 0")
        }
    }
}
