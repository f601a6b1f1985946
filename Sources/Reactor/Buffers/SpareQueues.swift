// Queues whose memory stays: freed after each message, the memory of output would be returned to the system and faulted
// in again for the next, 26 page faults for each message of 64 KiB. Bounded in number and bytes; used from the top, so
// that what is not needed any more collects at the bottom and is freed.
//
//     recycled --> | warm | ... | untouched for a period |  --> freed
//     taken    <-- |      |

/// A queue whose memory can be kept for reuse.
protocol ReusableQueue: AnyObject {
    /// The bytes of memory that it holds.
    var capacity: Int { get }
}

/// The spare queues of a loop, last in, first out.
final class SpareQueues<Queue: ReusableQueue> {
    private static var countLimit: Int { 64 }
    /// The time in nanoseconds after which queues that were not needed are freed, at the next reuse.
    private static var patienceNanoseconds: Int64 { 10_000_000_000 }

    private var queues: [Queue] = []
    /// The bytes of memory that the spare queues hold together, and their limit.
    private(set) var byteCount = 0
    private let byteLimit: Int
    /// The lowest number of spare queues since the last trim: those at the bottom were not needed.
    private var untouched = 0
    private var trimTime: MonotonicTime = .init(nanoseconds: 0)

    init(byteLimit: Int) { self.byteLimit = byteLimit }

    var count: Int { queues.count }

    /// Returns the queue that was used last, if any.
    func take() -> Queue? {
        guard let queue = queues.popLast() else { return nil }
        byteCount -= queue.capacity
        untouched = min(untouched, queues.count)
        return queue
    }

    /// Keeps an empty queue with its memory, if there is room for both; otherwise the queue is dropped.
    func recycle(_ queue: Queue, now: MonotonicTime) {
        if now >= trimTime { trim(now) }
        guard queues.count < Self.countLimit, queue.capacity <= byteLimit - byteCount else { return }
        byteCount += queue.capacity
        queues.append(queue)
    }

    private func trim(_ now: MonotonicTime) {
        for queue in queues.prefix(untouched) { byteCount -= queue.capacity }
        queues.removeFirst(untouched)
        untouched = queues.count
        trimTime = now + Self.patienceNanoseconds
    }
}
