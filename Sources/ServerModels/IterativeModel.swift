// The first server of every text: accept a client, serve it until it leaves, accept the next one.
//
//     accept --a client--> read --bytes--> write --all written--> read ...
//       ^                   |
//       +---- it left ------+          everybody else: in the backlog, connected, and not heard

/// One client after another.
enum IterativeModel {
    static func run(_ listener: BlockingSocket) {
        while let connection = listener.accept() {
            connection.echo()
            connection.close()
        }
    }
}
