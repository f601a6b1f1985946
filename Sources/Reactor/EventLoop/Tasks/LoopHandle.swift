// What other threads hold of a loop: a mailbox for tasks, and the wake-up that goes with it. The descriptor is written
// only when the loop may be asleep, and under the lock, so that it is never written after it was closed.
//
//     loop:      awake --about to wait--> asleep --woken--> awake          (notified: tasks are in the box)
//     others:    any --task put--> notified; whoever found "asleep" there writes the descriptor, once

import Synchronization
import SystemPackage

/// A loop, as other threads see it: they can give it tasks and stop it.
public struct LoopHandle: Sendable {
    let mailbox: Mailbox

    /// Gives the loop a task; it runs on the loop's thread, in the order in which tasks were given.
    ///
    /// Any thread may call this, at any time.
    /// - Returns: `false` when the loop has ended: the task was not taken and will not run.
    @discardableResult
    public func execute(_ task: @escaping @Sendable (EventLoop) -> Void) -> Bool { mailbox.put(task) }

    /// Stops the loop, as ``EventLoop/stop()`` does. Any thread may call this.
    @discardableResult
    public func stop() -> Bool { execute { $0.stop() } }
}

/// Tasks on their way to a loop.
final class Mailbox: Sendable {
    typealias Task = @Sendable (EventLoop) -> Void

    private struct Contents {
        var tasks: [Task] = []
        var isClosed = false
    }

    private static let awake: UInt8 = 0
    private static let asleep: UInt8 = 1
    private static let notified: UInt8 = 2

    private let contents = Monitor(Contents())
    private let status = Atomic<UInt8>(Mailbox.awake)
    private let notify: @Sendable () -> SystemResult

    init(notify: @escaping @Sendable () -> SystemResult) { self.notify = notify }

    func put(_ task: @escaping Task) -> Bool {
        contents.withLock { contents in
            if contents.isClosed { return false }
            contents.tasks.append(task)
            if status.exchange(Self.notified, ordering: .sequentiallyConsistent) == Self.asleep {
                // EAGAIN would mean that the counter is full, so that the descriptor is readable anyway.
                _ = retryingInterrupts(notify)
            }
            return true
        }
    }

    /// The loop is about to wait. `true` when it must not, because tasks came meanwhile.
    func fallAsleep() -> Bool {
        status.exchange(Self.asleep, ordering: .sequentiallyConsistent) == Self.notified
    }

    /// The loop is back. `true` when tasks came meanwhile.
    func wakeUp() -> Bool {
        status.exchange(Self.awake, ordering: .sequentiallyConsistent) == Self.notified
    }

    /// Takes all tasks.
    func takeAll() -> [Task] {
        contents.withLock { contents in
            let tasks = contents.tasks
            contents.tasks = []
            return tasks
        }
    }

    /// Refuses tasks from now on, and answers those that still were in the box.
    func close() -> [Task] {
        contents.withLock { contents in
            contents.isClosed = true
            let tasks = contents.tasks
            contents.tasks = []
            return tasks
        }
    }
}

/// The readable end of the wake-up.
final class WakeUp: EventSource {
    private var descriptor: OwnedDescriptor?

    init(loop: EventLoop, _ descriptor: consuming OwnedDescriptor) {
        let name = descriptor.name
        self.descriptor = consume descriptor
        super.init(loop: loop, name: name)
    }

    override func ready(_ readiness: Readiness) {
        _ = retryingInterrupts { loop.kernel.clearNotifications(name) }
    }

    func close() { descriptor.take()?.close(loop.kernel) }

    /// Other threads would write to whatever has the number now: the loop takes nothing more from them, and ends.
    override func descriptorLost() {
        _ = descriptor.take()?.release()
        for task in loop.handle.mailbox.close() { loop.tasks.append { [loop] in task(loop) } }
        loop.failure = SocketError(.watch, subject: "the loop's wake-up", errno: .badFileDescriptor)
        loop.stop()
    }
}
