// Operating-system threads, for additional loops and for blocking work.

import CReactor
import SystemPackage

/// An operating-system thread that its owner must join or detach.
///
/// Dropping the value without either is a programming error and traps.
struct SystemThread: ~Copyable {
    private let thread: pthread_t

    /// Starts a thread.
    ///
    /// The thread inherits the signal mask of the calling thread, without the signals that a loop has blocked there, so
    /// that child processes of the new thread do not inherit those. On the new thread, a write to a pipe without a
    /// reader or past the file size limit fails with `EPIPE` or `EFBIG`; the `SIGPIPE` or `SIGXFSZ` does not end the
    /// process.
    ///
    /// - Parameters:
    ///   - name: the name that debuggers and `top` show; cut at 15 bytes.
    ///   - body: the work of the thread, which ends when `body` returns.
    /// - Throws: ``SocketError`` if the system cannot create the thread.
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

    /// Detaches the thread, which then runs to its end on its own.
    consuming func detach() {
        _ = pthread_detach(thread)
        discard self
    }

    /// The number of processors that the calling thread may run on (sched_getaffinity(2)).
    static var processorCount: Int { Int(creactor_processor_count()) }

    /// A number that identifies the calling thread among all running threads; never 0.
    static var currentNumber: UInt { creactor_thread() }

    /// Whether the calling thread is this thread.
    var isCurrent: Bool { pthread_equal(thread, pthread_self()) != 0 }

    deinit { precondition(thread == 0, "a thread was dropped without being joined") }
}

/// The name and the work of a thread that is being started.
private final class ThreadBody: Sendable {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
        self.name = name
        self.run = run
    }
}
