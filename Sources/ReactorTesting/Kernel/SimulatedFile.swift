// The object behind a descriptor: an open file description with its readiness, known to the epoll sets that watch it.
// It lives until its last descriptor is closed.

import Reactor
import Synchronization
import SystemPackage

/// An open file of the simulated kernel.
class SimulatedFile {
    /// The number of descriptors that refer to this file; more than one after dup(2).
    final var references = 0
    /// The registrations of this file in epoll sets.
    final var watches: [EpollWatch] = []
    /// Called at every change of readiness, in addition to the epoll sets.
    final var onWake: (() -> Void)?

    /// The current readiness, as poll(2) would report it for all events.
    var readiness: Readiness { [] }

    /// Releases the file: its last descriptor was closed.
    func released() {}

    /// Whether epoll accepts the file; regular files fail with `EPERM`.
    var canBeWatched: Bool { true }

    /// Reports that `news` may have become ready. Edge-triggered watchers receive it once.
    final func wake(_ news: Readiness) {
        for watch in watches { watch.hear(news) }
        onWake?()
    }
}

/// An empty file (`/dev/null`).
final class NullFile: SimulatedFile {
    override var readiness: Readiness { [.readable, .writable] }
    override var canBeWatched: Bool { false }
}

/// An eventfd(2).
final class EventCounter: SimulatedFile {
    /// The part shared with other threads.
    final class Count: Sendable {
        let value = Atomic<UInt64>(0)
        /// Whether the value was increased since the kernel last checked.
        let isNews = Atomic<Bool>(false)
        let isClosed = Atomic<Bool>(false)
        /// The number of writes after the descriptor was closed: its number may belong to another file by then.
        let lateWrites = Atomic<Int>(0)
    }

    let count = Count()

    override var readiness: Readiness {
        count.value.load(ordering: .sequentiallyConsistent) > 0 ? [.readable, .writable] : .writable
    }

    override func released() { count.isClosed.store(true, ordering: .sequentiallyConsistent) }

    /// Reports increases made by other threads to the watchers.
    func notifyChange() {
        if count.isNews.exchange(false, ordering: .sequentiallyConsistent) { wake([.readable, .writable]) }
    }
}

/// A readable regular file. epoll rejects it; poll and select find it always ready.
final class RegularFile: SimulatedFile {
    private var unread: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { unread = bytes[...] }

    override var readiness: Readiness { [.readable, .writable] }
    override var canBeWatched: Bool { false }

    /// Reads bytes (read(2)); 0 at the end of the file.
    func read(into target: UnsafeMutableRawBufferPointer) -> SystemResult {
        let count = min(target.count, unread.count)
        // Safe: `count` is at most `target.count`, and the caller keeps the target valid.
        unsafe target.copyBytes(from: unread.prefix(count))
        unread.removeFirst(count)
        return SystemResult(count)
    }
}

/// A signalfd(2).
final class SignalQueue: SimulatedFile {
    let signals: [Signal]
    private var pending: [Signal] = []

    init(signals: [Signal]) { self.signals = signals }

    override var readiness: Readiness { pending.isEmpty ? [] : .readable }

    /// Delivers a signal; one that is already pending is not queued twice (signal(7)).
    func raise(_ signal: Signal) {
        guard signals.contains(signal), !pending.contains(signal) else { return }
        pending.append(signal)
        wake(.readable)
    }

    func take() -> Signal? { pending.isEmpty ? nil : pending.removeFirst() }
}
