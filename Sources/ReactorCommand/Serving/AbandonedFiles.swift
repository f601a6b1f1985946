// Removes incomplete files that a killed server left in a served directory: at the start of a server, and once more
// when the files of a server that was killed just before are old enough.

import Reactor
import ServedFiles

/// The clean-up of abandoned files.
enum AbandonedFiles {
    /// Removes abandoned files below a directory on a worker thread, and reports their number on standard error.
    static func clean(_ directory: ServedDirectory, on loop: EventLoop) {
        remove(directory, on: loop)
        let later = ServedDirectory.abandonedAge + .seconds(60)
        loop.schedule(after: later) { [unowned loop] in remove(directory, on: loop) }
    }

    private static func remove(_ directory: ServedDirectory, on loop: EventLoop) {
        // If no worker is free, other work comes first; a later start cleans up.
        _ = try? loop.offload {
            directory.removeAbandonedFiles()
        } then: { outcome in
            guard case .success(let count) = outcome, count > 0 else { return }
            StandardError.write("reactor: removed \(counted(count, "incomplete file")) left by a killed server\n")
        }
    }
}
