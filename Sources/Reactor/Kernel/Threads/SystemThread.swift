// Threads, for what cannot run on one: further loops, and work that blocks.

import CReactor
import SystemPackage

/// A thread of the system. Whoever starts one joins or detaches it: dropping the value is a fault in the program and traps.
struct SystemThread: ~Copyable {
    private let thread: pthread_t

    /// Starts a thread. Its signal mask is that of the calling thread, less what a loop has blocked there, so that children
    /// of the new thread do not inherit that. A write to a pipe that nobody reads, or past the file size limit, fails there
    /// with its error number (`EPIPE`, `EFBIG`) and raises no signal (`SIGPIPE`, `SIGXFSZ`) that would end the process.
    ///
    /// - Parameters:
    ///   - name: as debuggers and `top` show it; the system keeps 15 bytes of it.
    ///   - body: what the thread runs; it ends when this returns.
    /// - Throws: ``SocketError`` when the system has no room for another thread.
    static func start(named name: String, _ body: @escaping @Sendable () -> Void) throws(SocketError) -> SystemThread {
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(ThreadBody(name: name, run: body))
        let error = unsafe creactor_start_thread(
            &thread,
            { pointer in
                let body = unsafe Unmanaged<ThreadBody>.fromOpaque(pointer!).takeRetainedValue()
                unsafe _ = creactor_name_thread(body.name)
                body.run()
                return nil
            }, box.toOpaque())
        if error != 0 {
            unsafe box.release()
            throw SocketError(.start, subject: "thread \(name)", errno: Errno(rawValue: error))
        }
        return SystemThread(thread: thread)
    }

    private init(thread: pthread_t) { self.thread = thread }

    /// Waits until the thread has ended.
    consuming func join() {
        _ = pthread_join(thread, nil)
        discard self
    }

    /// Lets the thread go its way: nobody will wait for its end.
    consuming func detach() {
        _ = pthread_detach(thread)
        discard self
    }

    /// How many processors this process may run on (sched_getaffinity(2)).
    static var processorCount: Int { Int(creactor_processor_count()) }

    /// A number for the calling thread that no other living thread has, and that is not 0.
    static var currentNumber: UInt { creactor_thread() }

    /// Whether this runs on the thread.
    var isCurrent: Bool { pthread_equal(thread, pthread_self()) != 0 }

    deinit { precondition(thread == 0, "a thread was dropped without being joined") }
}

/// What a thread runs, on its way there.
private final class ThreadBody: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
        self.name = name
        self.run = run
    }
}
