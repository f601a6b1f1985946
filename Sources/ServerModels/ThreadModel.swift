// A thread a connection: the main thread accepts, a new thread serves and ends. All of them share one memory, one table of
// descriptors, and the one end of the process.
//
//     main     accept --> a place is free? --> pthread_create --> accept ...
//                                                   \
//     thread                                         read, write ... --> close, give the place back

import CReactor
import Glibc

/// A thread a connection.
enum ThreadModel {
    static func run(_ listener: BlockingSocket, limit: Int) {
        let places = Places(limit)
        while places.take(), let connection = listener.accept() {
            let visit = unsafe Unmanaged.passRetained(Visit(connection, places))
            var thread = pthread_t()
            // All signals blocked: they interrupt the main thread, which is the one that looks.
            let error = unsafe creactor_start_thread(
                &thread,
                { pointer in
                    // Retained for this thread, which runs once.
                    unsafe Unmanaged<Visit>.fromOpaque(pointer!).takeRetainedValue().serve()
                    return nil
                }, visit.toOpaque())
            if error == 0 {
                pthread_detach(thread)  // nobody waits for it: its memory is given back when it ends
            } else {
                // No room for another thread: this client is turned away, those that are here are served on.
                let visit = unsafe visit.takeRetainedValue()
                visit.end()
            }
        }
        // Returning from here ends the process, and with it every thread, wherever it waits.
    }

    /// A connection on its way to its thread.
    private final class Visit: Sendable {
        private let connection: BlockingSocket
        private let places: Places

        init(_ connection: BlockingSocket, _ places: Places) {
            self.connection = connection
            self.places = places
        }

        func serve() {
            connection.echo()
            end()
        }

        func end() {
            connection.close()
            places.giveBack()
        }
    }

    /// So many threads may be at once: a semaphore (sem_overview(7)).
    // Safe to share: the semaphore is initialized before any thread has it, never moves, and is made to be used by many.
    @safe private final class Places: @unchecked Sendable {
        private let semaphore: UnsafeMutablePointer<sem_t>

        init(_ count: Int) {
            unsafe semaphore = .allocate(capacity: 1)
            unsafe sem_init(semaphore, 0, CUnsignedInt(clamping: count))
        }

        deinit {
            unsafe sem_destroy(semaphore)
            unsafe semaphore.deallocate()
        }

        /// Waits for a place; false when the process is to end.
        func take() -> Bool {
            while unsafe sem_wait(semaphore) != 0 { if ModelSockets.isEnding { return false } }
            return true
        }

        func giveBack() { unsafe _ = sem_post(semaphore) }
    }
}
