// A lock around a value, and a wait for that value to change: a POSIX mutex and condition variable, which every race
// detector understands. The lock is held for a few instructions at a time; a loop never waits for a change.

import CReactor

/// A value that threads share and access only under its lock.
// Safe to share: `withLock` and `wait` access the value with the mutex held; the mutex and the condition variable stay
// at their addresses from init to deinit, when no other reference to the monitor is left.
@safe final class Monitor<Value: Sendable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var value: Value

    init(_ value: Value) {
        self.value = value
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        let results = unsafe (pthread_mutex_init(mutex, nil), pthread_cond_init(condition, &attributes))
        unsafe pthread_condattr_destroy(&attributes)
        precondition(results == (0, 0), "the system has no memory for a lock")
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Calls `body` with the lock held. The lock is not recursive: `body` must not use this monitor.
    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body(&value)
    }

    /// Blocks the calling thread until `body`, called with the lock held, returns a value, and returns that value.
    ///
    /// `body` is called again after each ``wakeOne()`` and ``wakeAll()``.
    func wait<Result>(_ body: (inout Value) -> Result?) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            unsafe pthread_cond_wait(condition, mutex)
        }
    }

    /// Blocks the calling thread as ``wait(_:)`` does, for at most `time`.
    ///
    /// - Returns: The value, or `nil` after a timeout.
    func wait<Result>(within time: Duration, _ body: (inout Value) -> Result?) -> Result? {
        let end = (LinuxKernel.shared.now() + max(0, time.wholeNanoseconds)).nanoseconds
        let deadline = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            if unsafe withUnsafePointer(to: deadline, { unsafe pthread_cond_timedwait(condition, mutex, $0) }) != 0 {
                return body(&value)
            }
        }
    }

    /// Wakes one waiting thread, after the value has changed.
    func wakeOne() { unsafe pthread_cond_signal(condition) }

    /// Wakes all waiting threads, after the value has changed.
    func wakeAll() { unsafe pthread_cond_broadcast(condition) }
}
