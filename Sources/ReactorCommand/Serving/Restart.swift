// A restart without a lost connection attempt, at the asking of a signal: what is printed about it.

import Reactor

enum Restart {
    /// Starts the same command line anew with the server's sockets, and drains the server when the new one serves. If it
    /// does not come to that, the server goes on, and the reason is told.
    static func begin(_ server: ListeningServer, drainingWithin time: Duration) {
        do throws(SocketError) {
            try server.startSuccessor(arguments: CommandLine.arguments) { result in
                switch result {
                case .success(let process):
                    ServerLog.print("handed over to process \(process)")
                    server.handle.drain(within: time)
                case .failure(let error):
                    ServerLog.report("\(error); this one goes on")
                }
            }
        } catch {
            ServerLog.report("\(error); this one goes on")
        }
    }
}
