// The base class of everything that a loop watches. It knows its loop and its registration; subclasses decide what to
// do with readiness.

import SystemPackage

/// A source of events: an object with a descriptor that an event loop watches, such as a connection, a listener or a
/// ``DescriptorWatch``.
///
/// Confined to its loop's thread. The loop keeps a source alive from its registration to the end of the turn in which
/// it was deregistered.
public class EventSource {
    /// The loop that this source belongs to.
    public final let loop: EventLoop
    /// The current registration; meaningful only while ``isRegistered``.
    final var token = Token(rawValue: 0)
    /// The descriptor's number. It is a name only: once this source is closed, the number may belong to another file.
    final let fd: FileDescriptor
    /// The readiness to redispatch in the next turn; empty when the source is not in the loop's list.
    final var readyAgain: Readiness = []
    /// Whether the source is registered with the loop.
    final var isRegistered = false

    init(loop: EventLoop, fd: FileDescriptor) {
        self.loop = loop
        self.fd = fd
    }

    /// Handles readiness that the selector or the redispatch list reported. A hint: the operation may still block.
    func ready(_ readiness: Readiness) {}
    /// Handles readiness after all other events of the turn. For listeners.
    func readyAfterOthers() {}
    /// Handles the timer that was scheduled for this source.
    func deadlineReached() {}
    /// Continues what a rate limit held back, as tokens may be available again.
    func rateAllows(_ direction: RateMeter.Direction) {}
    /// Sends unflushed output; ``EventLoop/unflushed`` documents when it is called.
    func flushOutput() {}
    /// Closes the descriptor and calls the last handler, at the end of the turn.
    func finishClosing() {}
    /// Handles the selector's refusal to register the descriptor. The default retries every 10 ms, for sources that
    /// cannot do without it.
    func registrationFailed(_ errno: Errno) {
        loop.schedule(after: .milliseconds(10)) { [weak self] in
            guard let self, isRegistered else { return }
            loop.registry.reapply(self)
        }
    }
    /// Adjusts to the capabilities of a new selector.
    func selectorChanged() {}
    /// Ends the source after other code closed its descriptor; the source is deregistered already and must not touch
    /// the number. Called from anywhere: no user code may run in here.
    func descriptorLost() {}
    /// Begins to close, because the loop ends.
    func loopEnded() {}
    /// The source's name in reports.
    var reportName: String { "\(type(of: self))" }
}
