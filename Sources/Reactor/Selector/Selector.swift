// The contract between the event loop and whatever tells it which descriptors are ready. A selector translates bits and
// holds what its system call needs; it knows no connection, no handler and no timer.

public import SystemPackage

/// What a selector can do; callers ask for abilities, not for names.
public struct SelectorCapabilities: Sendable, Hashable {
    /// Readiness is told once, when it begins, and not again until the operation would block.
    package var isEdgeTriggered = false
    /// The cost of a wait does not grow with the number of idle descriptors.
    package var isConstantTime = false
    /// Descriptors must be below this number; `nil` when any will do.
    package var descriptorLimit: Int?
    /// Regular files can be registered (they are always ready).
    package var takesRegularFiles = true
    /// Hang-up and errors are told although nothing was asked for.
    package var reportsHangUp = true
    /// Closing a descriptor deregisters it, if no duplicate of it is open.
    package var forgetsClosedDescriptors = false
}

/// Finds out which of many descriptors are ready.
///
/// A back end provides ``change(_:token:from:to:)`` and ``wait(into:timeout:)``, and states its
/// ``capabilities``. What every one of them promises, and what none does:
///
/// - **Readiness is a hint.** It may be spurious; whoever acts on it must be ready for `EAGAIN`.
/// - **Drain before you wait again.** An edge-triggered selector tells a beginning only. Unless the last operation would
///   have blocked, or moved fewer bytes than it could, there may be more, of which nobody will tell.
/// - **Hang-up and errors come unasked** where `reportsHangUp` says so, also with an empty interest. They cannot be
///   masked: whoever does not act on them must deregister, or a level-triggered wait will return at once for ever.
/// - **An event carries the token of its registration.** It may be older than the caller's latest change, so the caller
///   compares generations.
/// - **Portable**: readable, writable, and that the end of a stream is readable. Only epoll and poll tell hang-up, error
///   and the peer's half-close apart; select shows all three as readable or writable.
///
/// A selector belongs to one loop and is used on its thread only.
package protocol Selector: AnyObject {
    /// What this selector can do.
    var capabilities: SelectorCapabilities { get }

    /// Registers (`old` is `nil`), changes, or deregisters (`new` is `nil`) a descriptor.
    ///
    /// `old` is what the selector was told last. Fails with the system's error: `EPERM` for a regular file that cannot
    /// be watched, `ENOMEM` and `ENOSPC` when the kernel has no room, and leaves the registration as it was.
    func change(_ descriptor: FileDescriptor, token: Token, from old: Interest?, to new: Interest?) -> SystemResult

    /// Waits until something is ready or the time is over, and appends what was found to `ready`.
    ///
    /// Answers the number of events found; `EINTR` ends the wait early and is not hidden, because the caller has a
    /// timeout to compute anew.
    func wait(into ready: ReadyList, timeout: WaitTimeout) -> SystemResult

    /// Gives back what the selector holds. Nothing is called afterwards.
    func close()
}
