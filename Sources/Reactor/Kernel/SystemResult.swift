// What a system call answered: a count or a descriptor, or the reason why not. One machine word, never thrown, because
// on the hot path "would block" is an answer like any other.

public import SystemPackage

/// The answer of one system call: a value of 0 or more, or a negated `errno`.
@frozen
package struct SystemResult: Sendable, Hashable {
    /// The value, or the negated error number, as the Linux system-call convention has it.
    package let rawValue: Int

    /// Wraps a raw answer: 0 or more for success, `-errno` for failure.
    @inlinable
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// A successful answer.
    @inlinable
    package init(_ value: Int) { rawValue = value }

    /// A failed answer.
    @inlinable
    package init(_ errno: Errno) { rawValue = -Int(errno.rawValue) }

    /// Whether the call succeeded.
    @inlinable package var succeeded: Bool { rawValue >= 0 }

    /// The error, or `nil` when the call succeeded.
    @inlinable package var errno: Errno? {
        rawValue < 0 ? Errno(rawValue: CInt(truncatingIfNeeded: 0 &- rawValue)) : nil
    }

    /// The descriptor that the call made. Only for a call that succeeded and makes one.
    @inlinable package var descriptor: FileDescriptor {
        FileDescriptor(rawValue: CInt(truncatingIfNeeded: rawValue))
    }

    /// Whether the call was interrupted by a signal before it did anything (`EINTR`).
    @inlinable package var wasInterrupted: Bool { rawValue == -Int(Errno.interrupted.rawValue) }

    /// Whether the call would have had to wait (`EAGAIN`, which is `EWOULDBLOCK` on Linux).
    @inlinable package var wouldBlock: Bool { rawValue == -Int(Errno.resourceTemporarilyUnavailable.rawValue) }
}

/// Repeats `call` until it is not interrupted by a signal. The one place where `EINTR` is handled.
@inline(__always)
func retryingInterrupts(_ call: () -> SystemResult) -> SystemResult {
    while true {
        let result = call()
        if !result.wasInterrupted { return result }
    }
}
