// Removing what a killed server has left in a directory that is served: when a server starts, and once more when files of a
// server that was killed a moment ago are old enough.

import Reactor
import ServedFiles

enum AbandonedFiles {
    /// Cleans a directory and all below it, beside the loop, and reports on standard error what was removed.
    static func clean(_ directory: ServedDirectory, on loop: EventLoop) {
        remove(directory, on: loop)
        let later = ServedDirectory.abandonedAge + .seconds(60)
        loop.schedule(after: later) { [unowned loop] in remove(directory, on: loop) }
    }

    private static func remove(_ directory: ServedDirectory, on loop: EventLoop) {
        // Without a free thread there is more important work; a later start cleans as well.
        _ = try? loop.offload {
            directory.removeAbandonedFiles()
        } then: { outcome in
            guard case .success(let count) = outcome, count > 0 else { return }
            let noun = count == 1 ? "an incomplete file" : "\(count) incomplete files"
            StandardError.write("reactor: removed \(noun) of a server that was killed\n")
        }
    }
}
