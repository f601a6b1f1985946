// Workers that are started in advance: each is the iterative server, and all share one listener. The kernel gives each
// client to one of the workers that wait in accept.
//
//     parent    fork, fork, fork ... --> wait for SIGCHLD --a worker ended--> fork another
//     worker 1  accept --> read, write ... --> close --> accept ...
//     worker 2  accept --> read, write ... --> close --> accept ...

import CServerModels
import Glibc

/// The model with pre-forked workers.
enum PreforkModel {
    /// Serves until the process is ending, and replaces workers that have died.
    static func run(_ listener: BlockingSocket, workers: Int) {
        cmodels_reap_children()
        while !ModelSockets.isEnding {
            while cmodels_children() < workers {
                let child = cmodels_fork()
                if child == 0 {
                    IterativeModel.run(listener)
                    _exit(0)
                }
                if child < 0 || ModelSockets.isEnding { break }
            }
            cmodels_wait_for_fewer_children(CInt(clamping: workers))
            // The cause that ended a worker may end its successor too, or make fork fail: pause between attempts.
            if !ModelSockets.isEnding { usleep(20_000) }
        }
        cmodels_end_children()
    }
}
