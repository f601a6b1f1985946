// How a server divides the process's descriptors between connections and files. A connection that transfers a file
// needs more than its socket; the descriptors of files are reserved, so that transfers never prevent new connections.

import Reactor

/// The division of descriptors between connections and files.
struct DescriptorPlan {
    /// The maximum number of concurrent connections.
    let connections: Int
    /// The maximum number of files open at once; 0 for a server without files.
    let files: Int

    /// Divides the available descriptors.
    ///
    /// - Parameters:
    ///   - available: descriptors for connections and files together.
    ///   - descriptorsPerFile: descriptors of a file besides the socket of its connection; 0 for a server without
    ///     files.
    ///   - maxConnections: the number that the user requested; if `nil`, connections get two thirds, up to `most`.
    ///   - most: the largest number of connections that is chosen by default.
    init(available: Int, descriptorsPerFile: Int, maxConnections: Int?, most: Int) {
        let share = descriptorsPerFile == 0 ? available : available - available / 3
        connections = maxConnections ?? max(1, min(most, share))
        guard descriptorsPerFile > 0 else {
            files = 0
            return
        }
        files = max(1, min(connections, (available - connections) / descriptorsPerFile))
    }
}
