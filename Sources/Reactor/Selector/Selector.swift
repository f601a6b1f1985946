// The contract between the event loop and its readiness mechanism. A selector converts bits and keeps the state of its
// system call; it is independent of connections, handlers and timers.

package import SystemPackage

/// The capabilities of a selector. Callers check these instead of the selector's name.
package struct SelectorCapabilities: Sendable, Hashable {
    /// Whether readiness is reported once, when it begins, and not again until the operation would block.
    package var isEdgeTriggered = false
    /// Whether the cost of a wait is independent of the number of idle descriptors.
    package var isConstantTime = false
    /// The exclusive upper limit of descriptors; `nil` for no limit.
    package var descriptorLimit: Int?
    /// Whether regular files can be registered (they are always ready).
    package var takesRegularFiles = true
    /// Whether hang-up and errors are reported whatever the interest.
    package var reportsHangUp = true
    /// Whether closing a descriptor deregisters it, provided that no duplicate is open.
    package var forgetsClosedDescriptors = false
}

/// Waits for readiness of many descriptors.
///
/// A back end implements ``change(_:token:from:to:)`` and ``wait(into:timeout:)``, and declares its ``capabilities``.
/// All selectors share these semantics:
///
/// - **Readiness is a hint.** It may be spurious: the caller must handle `EAGAIN`.
/// - **Drain before waiting again.** An edge-triggered selector reports only the beginning of readiness. Unless the
///   last operation would have blocked, or transferred fewer bytes than requested, more may be left, without a further
///   event.
/// - **Hang-up and errors are reported unrequested** where `reportsHangUp` is set, even with an empty interest. They
///   cannot be masked: a caller that does not act on them must deregister, or a level-triggered wait returns at once,
///   indefinitely.
/// - **An event carries the token of its registration.** It may be older than the caller's latest change, so the caller
///   compares generations.
/// - **Portability.** Every selector reports readable and writable, and the end of a stream as readable. Only epoll and
///   poll distinguish hang-up, error and the peer's half-close; select reports all three as readable or writable.
///
/// A selector belongs to one loop and is used only on that loop's thread.
package protocol Selector: AnyObject {
    /// The capabilities of this selector.
    var capabilities: SelectorCapabilities { get }

    /// Registers, changes or deregisters a descriptor.
    ///
    /// - Parameters:
    ///   - descriptor: the descriptor.
    ///   - token: the token that its events carry.
    ///   - old: the interest of the last call; `nil` to register the descriptor.
    ///   - new: the new interest; `nil` to deregister the descriptor.
    /// - Returns: 0 or the system's error, which leaves the registration unchanged: `EPERM` for a regular file that
    ///   cannot be watched, `ENOMEM` or `ENOSPC` if the kernel is out of memory or over its limit of watches.
    func change(_ descriptor: FileDescriptor, token: Token, from old: Interest?, to new: Interest?) -> SystemResult

    /// Waits until a descriptor is ready or the timeout expires, and stores the events in `ready`, an empty list.
    ///
    /// - Returns: The number of events. `EINTR` ends the wait early and is returned, because the caller has to
    ///   recompute its timeout.
    func wait(into ready: ReadyList, timeout: WaitTimeout) -> SystemResult

    /// Releases the selector's resources. No other method is called afterwards.
    func close()
}
