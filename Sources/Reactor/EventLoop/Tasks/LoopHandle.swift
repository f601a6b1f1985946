// A loop's handle for other threads: a mailbox for tasks, and the wake-up that goes with it. The descriptor is written
// only when the loop may be asleep, and under the lock, so that it is never written after it was closed.
//
//     loop:      awake --about to wait--> asleep --woken--> awake          (notified: the mailbox has tasks)
//     others:    any --task put--> notified; the thread that replaced "asleep" writes the descriptor, once

import Synchronization
import SystemPackage

/// A handle with which other threads give a loop tasks and stop it.
public struct LoopHandle: Sendable {
    let mailbox: Mailbox

    /// Runs `task` on the loop's thread, in the order in which tasks were given.
    ///
    /// Any thread may call this, at any time.
    /// - Returns: `false` when the loop has ended: the task is dropped.
    @discardableResult
    public func execute(_ task: @escaping @Sendable (EventLoop) -> Void) -> Bool { mailbox.put(task) }

    /// Stops the loop, as ``EventLoop/stop()`` does. Any thread may call this.
    ///
    /// - Returns: `false` when the loop has ended already.
    @discardableResult
    public func stop() -> Bool { execute { $0.stop() } }
}

/// A loop's queue of tasks from other threads.
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
                // EAGAIN would mean that the eventfd's counter is full, and the descriptor readable anyway.
                _ = retryingInterrupts(notify)
            }
            return true
        }
    }

    /// Notes that the loop is about to wait. Returns `true` when it must not block, because tasks have arrived.
    func fallAsleep() -> Bool {
        status.exchange(Self.asleep, ordering: .sequentiallyConsistent) == Self.notified
    }

    /// Notes that the loop has returned from its wait. Returns `true` when tasks have arrived meanwhile.
    func wakeUp() -> Bool {
        status.exchange(Self.awake, ordering: .sequentiallyConsistent) == Self.notified
    }

    /// Removes and returns all tasks.
    func takeAll() -> [Task] {
        contents.withLock { contents in
            let tasks = contents.tasks
            contents.tasks = []
            return tasks
        }
    }

    /// Refuses tasks from now on, and returns those that are still queued.
    func close() -> [Task] {
        contents.withLock { contents in
            contents.isClosed = true
            let tasks = contents.tasks
            contents.tasks = []
            return tasks
        }
    }
}

/// The loop's wake-up descriptor, an eventfd, as an event source.
final class WakeUp: EventSource {
    private var descriptor: OwnedDescriptor?

    init(loop: EventLoop, _ descriptor: consuming OwnedDescriptor) {
        let fd = descriptor.fd
        self.descriptor = consume descriptor
        super.init(loop: loop, fd: fd)
    }

    override func ready(_ readiness: Readiness) {
        _ = retryingInterrupts { loop.kernel.clearNotifications(fd) }
    }

    func close() { descriptor.take()?.close(loop.kernel) }

    /// Stops the loop and refuses further tasks: other threads would write to whatever file has the number now.
    override func descriptorLost() {
        _ = descriptor.take()?.release()
        for task in loop.handle.mailbox.close() { loop.tasks.append { [loop] in task(loop) } }
        loop.failure = SocketError(.watch, subject: "the loop's wake-up descriptor", errno: .badFileDescriptor)
        loop.stop()
    }
}
