// What SIGUSR2 does to a server: a restart without a lost connection attempt, or one line that says why there is none.

import Reactor

/// What a server does on SIGUSR2.
enum Restart {
    /// Another process takes the sockets over.
    case handsOver
    /// The server keeps serving and says why: what a restart would lose.
    case refuses(because: String)

    /// Starts the same command line again with the server's sockets, and drains this server when the new one serves.
    /// Otherwise the server keeps serving, and the reason is printed.
    ///
    /// - Parameters:
    ///   - start: starts the successor with a command line, and calls when it serves, or does not.
    ///   - drain: drains this server.
    static func begin(
        on loop: EventLoop, drain: @escaping () -> Void,
        _ start: ([String], @escaping (Result<Int32, SocketError>) -> Void) throws(SocketError) -> Void
    ) {
        func report(_ error: SocketError) {
            StandardError.write("reactor: \(error)\(loop.isDraining ? "" : "; this one goes on")\n")
        }
        do throws(SocketError) {
            try start(CommandLine.arguments) { result in
                switch result {
                case .success(let process):
                    ServerLog.print("handed over to process \(process)")
                    drain()
                case .failure(let error): report(error)
                }
            }
        } catch {
            report(error)
        }
    }

    /// Prints why there is no restart.
    static func refuse(_ reason: String) {
        StandardError.write(
            "reactor: SIGUSR2 does not restart this server: \(reason); end it with SIGTERM and start it again\n")
    }
}
