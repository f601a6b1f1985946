// What a descriptor stands for: an open file description with its readiness, known to the epoll sets that watch it. It
// lives until the last descriptor of it is closed.

import Reactor
import Synchronization
import SystemPackage

/// An open file of the simulated kernel.
class SimulatedFile {
    /// Descriptors that stand for this file; more than one after a duplication.
    final var references = 0
    /// The registrations of this file in epoll sets.
    final var watches: [EpollWatch] = []
    /// Called at every wake, beside the epoll sets.
    final var onWake: (() -> Void)?

    /// What poll(2) would say now, whatever was asked for.
    var readiness: Readiness { [] }

    /// The last descriptor was closed.
    func released() {}

    /// Whether epoll takes it (`EPERM` for regular files).
    var canBeWatched: Bool { true }

    /// Something about the readiness has changed: `news` may have become true. Edge-triggered watchers hear of it once.
    final func wake(_ news: Readiness) {
        for watch in watches { watch.hear(news) }
        onWake?()
    }
}

/// A descriptor that stands for nothing (`/dev/null`).
final class NullFile: SimulatedFile {
    override var readiness: Readiness { [.readable, .writable] }
    override var canBeWatched: Bool { false }
}

/// An eventfd(2).
final class EventCounter: SimulatedFile {
    /// The part that other threads see.
    final class Count: Sendable {
        let value = Atomic<UInt64>(0)
        /// Added to since the kernel last looked.
        let isNews = Atomic<Bool>(false)
        let isClosed = Atomic<Bool>(false)
        /// Writes after the descriptor was closed: its number may be another's by then.
        let lateWrites = Atomic<Int>(0)
    }

    let count = Count()

    override var readiness: Readiness {
        count.value.load(ordering: .sequentiallyConsistent) > 0 ? [.readable, .writable] : .writable
    }

    override func released() { count.isClosed.store(true, ordering: .sequentiallyConsistent) }

    /// Tells the watchers what other threads added meanwhile.
    func tellNews() {
        if count.isNews.exchange(false, ordering: .sequentiallyConsistent) { wake([.readable, .writable]) }
    }
}

/// A regular file that is read. epoll does not take it; poll and select find it always ready.
final class RegularFile: SimulatedFile {
    private var unread: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { unread = bytes[...] }

    override var readiness: Readiness { [.readable, .writable] }
    override var canBeWatched: Bool { false }

    /// read(2); 0 at the end.
    func read(into target: UnsafeMutableRawBufferPointer) -> SystemResult {
        let count = min(target.count, unread.count)
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

    /// A signal arrives; one that is pending already is not added again (signal(7)).
    func raise(_ signal: Signal) {
        guard signals.contains(signal), !pending.contains(signal) else { return }
        pending.append(signal)
        wake(.readable)
    }

    func take() -> Signal? { pending.isEmpty ? nil : pending.removeFirst() }
}
