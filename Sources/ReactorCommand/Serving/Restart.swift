// The effect of SIGUSR2 on a server: a restart that loses no connection attempt, or one line that says why it is
// refused.

import Reactor

/// The reaction of a server to SIGUSR2.
enum Restart {
    /// A successor process takes over the sockets.
    case handsOver
    /// The server keeps serving and prints the reason: a restart would lose state.
    case refuses(because: String)

    /// Starts a successor with the same command line and the server's sockets, and drains this server once it serves.
    ///
    /// If the successor fails, this server keeps serving and prints the reason.
    /// - Parameters:
    ///   - loop: the server's loop.
    ///   - drain: drains this server.
    ///   - start: starts the successor with a command line, and calls back with its process number when it serves, or
    ///     with the error.
    static func begin(
        on loop: EventLoop, drain: @escaping () -> Void,
        _ start: ([String], @escaping (Result<Int32, SocketError>) -> Void) throws(SocketError) -> Void
    ) {
        func report(_ error: SocketError) {
            StandardError.write("reactor: \(error)\(loop.isDraining ? "" : "; this server keeps serving")\n")
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

    /// Prints why the server does not restart.
    static func refuse(_ reason: String) {
        StandardError.write(
            "reactor: SIGUSR2 does not restart this server: \(reason); end it with SIGTERM and start it again\n")
    }
}
