// The base of everything that a loop watches. It knows its loop and its registration; what readiness means to it is the
// subclass's business.

import SystemPackage

/// Something with a descriptor that an event loop watches: a connection, a listener, a ``DescriptorWatch``.
///
/// Belongs to its loop's thread. The loop keeps a source alive from its registration to the end of the turn in which it
/// was deregistered.
public class EventSource {
    /// The loop that this belongs to.
    public final let loop: EventLoop
    /// The registration, while there is one.
    final var token = Token(rawValue: 0)
    /// The descriptor's number. It is a name only: the number may be another's once this source is closed.
    final let name: FileDescriptor
    /// What it is to be looked at for in the next turn; empty when it is not in the loop's list.
    final var readyAgain: Readiness = []
    /// Whether the loop watches it.
    final var isRegistered = false

    init(loop: EventLoop, name: FileDescriptor) {
        self.loop = loop
        self.name = name
    }

    /// The selector, or the ready-again list, says that something may be done. A hint.
    func ready(_ readiness: Readiness) {}
    /// The same, after all that was ready before has had its turn. For listeners.
    func readyAfterOthers() {}
    /// The timer that carries this source fired.
    func deadlineReached() {}
    /// There may be tokens again for what this may do at a rate.
    func rateAllows(_ direction: RateMeter.Direction) {}
    /// The turn ends: send what was written meanwhile.
    func flushOutput() {}
    /// The batch is over: close the descriptor and tell whoever waits for that.
    func finishClosing() {}
    /// The selector refused the registration. For those who cannot do without, it is tried again.
    func registrationFailed(_ errno: Errno) {
        loop.schedule(after: .milliseconds(10)) { [weak self] in
            guard let self, isRegistered else { return }
            loop.registry.retell(self)
        }
    }
    /// The loop waits with another selector now: do its abilities make a difference?
    func selectorChanged() {}
    /// The descriptor was closed behind the loop's back, and the source is deregistered: it ends, and leaves the number
    /// alone. Called from anywhere: no user code runs in here.
    func descriptorLost() {}
    /// The loop ends: begin to close.
    func loopEnded() {}
    /// What to call this source in a report.
    var reportName: String { "\(type(of: self))" }
}
