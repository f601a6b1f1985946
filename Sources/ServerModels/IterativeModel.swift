// The first server of every textbook: accept a client, serve it until it leaves, accept the next one.
//
//     accept --a client--> read --bytes--> write --all written--> read ...
//       ^                   |
//       +---- it left ------+          all other clients: connected, waiting in the backlog

/// The model that serves one client after another.
enum IterativeModel {
    /// Serves until the process is ending.
    static func run(_ listener: BlockingSocket) {
        while let connection = listener.accept() {
            connection.echo()
            connection.close()
        }
    }
}
