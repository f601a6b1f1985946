// The result of a system call: a count or a descriptor, or an error number, in one machine word. It is returned rather
// than thrown, because on the hot path "would block" is an ordinary result.

package import SystemPackage

/// The result of a system call: a value of 0 or more, or a negated `errno`.
@frozen
package struct SystemResult: Sendable, Hashable {
    /// The value, or the negated error number, as in the Linux system-call convention.
    package let rawValue: Int

    /// Creates a result from a raw one: 0 or more for success, `-errno` for failure.
    @inlinable
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Creates a successful result.
    @inlinable
    package init(_ value: Int) { rawValue = value }

    /// Creates a failed result.
    @inlinable
    package init(_ errno: Errno) { rawValue = -Int(errno.rawValue) }

    /// Whether the call succeeded.
    @inlinable package var succeeded: Bool { rawValue >= 0 }

    /// The error number, or `nil` if the call succeeded.
    @inlinable package var errno: Errno? {
        rawValue < 0 ? Errno(rawValue: CInt(truncatingIfNeeded: 0 &- rawValue)) : nil
    }

    /// The descriptor that the call created. Valid only for a successful call that creates one.
    @inlinable package var descriptor: FileDescriptor {
        FileDescriptor(rawValue: CInt(truncatingIfNeeded: rawValue))
    }

    /// Whether a signal interrupted the call before it did any work (`EINTR`).
    @inlinable package var wasInterrupted: Bool { rawValue == -Int(Errno.interrupted.rawValue) }

    /// Whether the call would block (`EAGAIN`, which is `EWOULDBLOCK` on Linux).
    @inlinable package var wouldBlock: Bool { rawValue == -Int(Errno.resourceTemporarilyUnavailable.rawValue) }
}

/// Repeats `call` until no signal interrupts it, and returns its result. `EINTR` is handled here only.
@inline(__always)
func retryingInterrupts(_ call: () -> SystemResult) -> SystemResult {
    while true {
        let result = call()
        if !result.wasInterrupted { return result }
    }
}
