// A process a connection: the parent accepts, the child serves and ends.
//
//     parent   accept --> fork --> close(connection) --> accept ...        SIGCHLD: waitpid
//                           \
//     child                  close(listener) --> read, write ... --> close --> _exit
//
// fork without exec in Swift is allowed here only because this process has one thread (``ModelSockets/requireSingleThread``):
// then the child is a whole program, locks included. It makes plain calls, and leaves with _exit: exit would run what the
// parent has registered for its own end, and write out a second time what the parent's streams have buffered.

import CServerModels
import Glibc

/// A process a connection.
enum ForkModel {
    static func run(_ listener: BlockingSocket, limit: Int) {
        cmodels_reap_children()
        while let connection = listener.accept() {
            let child = cmodels_fork()
            if child == 0 {
                // The listener is the parent's business: a child that kept it open would keep the port, too.
                listener.close()
                connection.echo()
                connection.close()
                _exit(0)
            }
            // The child has the connection; while the parent has it as well, no end that the child makes would arrive at
            // the client. If there is no child (EAGAIN, ENOMEM), this turns the client away.
            connection.close()
            // Not more processes than were allowed: the next client waits in the backlog.
            cmodels_wait_for_fewer_children(CInt(clamping: limit))
        }
        cmodels_end_children()
    }
}
