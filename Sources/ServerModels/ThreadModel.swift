// A thread per connection: the main thread accepts, and a new thread serves the connection and exits. All threads share
// the memory and the descriptors, and end with the process.
//
//     main     accept --> a place is free? --> pthread_create --> accept ...
//                                                   \
//     thread                                         read, write ... --> close, release the place

import CReactor
import Glibc

/// The model with a thread per connection.
enum ThreadModel {
    /// Serves until the process is ending, with at most `limit` threads at once.
    static func run(_ listener: BlockingSocket, limit: Int) {
        let places = Places(limit)
        while places.take(), let connection = listener.accept() {
            // Safe: this reference is consumed exactly once, by the new thread, or below if the thread cannot be
            // started.
            let visit = unsafe Unmanaged.passRetained(Visit(connection, places))
            var thread = pthread_t()
            // The new thread blocks all signals, so that they interrupt the main thread, which checks for the end.
            let error = unsafe creactor_start_thread(
                &thread,
                { pointer in
                    // Safe: the pointer is the reference retained for this thread, which runs once.
                    unsafe Unmanaged<Visit>.fromOpaque(pointer!).takeRetainedValue().serve()
                    return nil
                }, visit.toOpaque())
            if error == 0 {
                pthread_detach(thread)  // never joined: its memory is released when it ends
            } else {
                // No resources for another thread: this client is turned away, and the others are still served. Safe:
                // no thread has started that could consume the reference.
                let visit = unsafe visit.takeRetainedValue()
                visit.end()
            }
        }
        // Returning ends the process and all of its threads, wherever they wait.
    }

    /// A connection that is passed to its thread.
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

    /// The limit on concurrent threads: a semaphore (sem_overview(7)).
    // Safe to share: the semaphore is initialized before any thread uses it, never moves, and is thread-safe by design.
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

        /// Waits for a free place; returns false when the process is ending.
        func take() -> Bool {
            while unsafe sem_wait(semaphore) != 0 { if ModelSockets.isEnding { return false } }
            return true
        }

        /// Releases a place.
        func giveBack() { unsafe _ = sem_post(semaphore) }
    }
}
