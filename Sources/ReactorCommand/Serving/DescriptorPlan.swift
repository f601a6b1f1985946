// How a server shares the process's descriptors between connections and files. A connection that transfers a file needs more
// than its socket; what files need is set aside, so that transfers never keep new connections out.

import Reactor

/// Connections and files at once.
struct DescriptorPlan {
    /// Connections at once.
    let connections: Int
    /// Files at once.
    let files: Int

    /// Shares descriptors.
    ///
    /// - Parameters:
    ///   - available: how many there are for both.
    ///   - descriptorsPerFile: what a file takes besides the socket of its connection; 0 for a server without files.
    ///   - maxConnections: what the user asks for; otherwise two thirds are for connections, up to `most`.
    ///   - most: connections at most, unless the user says so.
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
