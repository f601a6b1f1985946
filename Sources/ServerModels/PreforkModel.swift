// Workers that are started beforehand: each is the iterative server, all of them on one listener. The kernel gives each
// client to one of those that wait in accept.
//
//     parent    fork, fork, fork ... --> wait for SIGCHLD --a worker ended--> fork another
//     worker 1  accept --> read, write ... --> close --> accept ...
//     worker 2  accept --> read, write ... --> close --> accept ...

import CServerModels
import Glibc

/// Pre-forked workers.
enum PreforkModel {
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
            // Whatever ends a worker may end the next one as well, or keep it from being started: not as fast as one can.
            if !ModelSockets.isEnding { usleep(20_000) }
        }
        cmodels_end_children()
    }
}
