// A process per connection: the parent accepts, the child serves the connection and exits.
//
//     parent   accept --> fork --> close(connection) --> accept ...        SIGCHLD: waitpid
//                           \
//     child                  close(listener) --> read, write ... --> close --> _exit
//
// fork without exec is safe in Swift only because this process has one thread (``ModelSockets/requireSingleThread()``):
// no lock can be left held in the child. The child makes plain calls and leaves with _exit: exit would run the parent's
// exit handlers and flush the parent's buffered output a second time.

import CServerModels
import Glibc

/// The model with a process per connection.
enum ForkModel {
    /// Serves until the process is ending, with at most `limit` children at once.
    static func run(_ listener: BlockingSocket, limit: Int) {
        cmodels_reap_children()
        while let connection = listener.accept() {
            let child = cmodels_fork()
            if child == 0 {
                // A child that kept the listener open would keep the port in use.
                listener.close()
                connection.echo()
                connection.close()
                _exit(0)
            }
            // While the parent holds the connection too, the client would not see it close when the child closes it. If
            // fork has failed (EAGAIN, ENOMEM), this turns the client away.
            connection.close()
            // At the limit, the next client waits in the backlog.
            cmodels_wait_for_fewer_children(CInt(clamping: limit))
        }
        cmodels_end_children()
    }
}
