// A lock with what it guards, and the wait for it to change: POSIX's mutex and condition, which every tool that looks for
// races understands. Held for a few instructions at a time; the loop never waits for a change.

import CReactor

/// A value that threads share: whoever looks at it or changes it holds the lock meanwhile.
// Safe to share: the value is reached with the mutex held only, in `withLock` and `wait`; the mutex and the condition stay
// where they were allocated from init to deinit, when nobody else has the monitor any more.
@safe final class Monitor<Value: Sendable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var value: Value

    init(_ value: Value) {
        self.value = value
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        let results = unsafe (pthread_mutex_init(mutex, nil), creactor_condition_init(condition))
        precondition(results == (0, 0), "the system has no memory for a lock")
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Calls `body` with the lock held. It must not come back here.
    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body(&value)
    }

    /// Blocks the calling thread until `body`, called with the lock held, answers something. It is called again after
    /// each ``wakeOne()`` and ``wakeAll()``.
    func wait<Result>(_ body: (inout Value) -> Result?) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            unsafe pthread_cond_wait(condition, mutex)
        }
    }

    /// As ``wait(_:)``, for a limited time of the monotonic clock.
    ///
    /// - Returns: `nil` when the time is over.
    func wait<Result>(atMost time: Duration, _ body: (inout Value) -> Result?) -> Result? {
        let end = LinuxKernel.shared.now() + time.wholeNanoseconds
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            if unsafe creactor_condition_wait(condition, mutex, end.nanoseconds) != 0 { return body(&value) }
        }
    }

    /// The value has changed: one of those who wait looks again.
    func wakeOne() { unsafe pthread_cond_signal(condition) }

    /// The value has changed: all who wait look again.
    func wakeAll() { unsafe pthread_cond_broadcast(condition) }
}
