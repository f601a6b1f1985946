// An epoll set, modelled on fs/eventpoll.c: a ready list of watches with news, examined by a wait. A level-triggered
// watch that is still ready returns to the end of the list; an edge-triggered one does not.

import Reactor
import SystemPackage

/// A registration in an epoll set: a file under a descriptor number.
final class EpollWatch {
    static let edgeTriggered: UInt32 = 1 << 31
    /// Hang-up and errors cannot be masked.
    private static let always: Readiness = [.error, .hangUp]

    unowned let set: SimulatedEpoll
    unowned let file: SimulatedFile
    let descriptor: CInt
    var events: UInt32
    var data: UInt64
    /// Whether the watch is in the set's ready list.
    var isQueued = false
    var isRemoved = false

    init(set: SimulatedEpoll, file: SimulatedFile, descriptor: CInt, events: UInt32, data: UInt64) {
        self.set = set
        self.file = file
        self.descriptor = descriptor
        self.events = events
        self.data = data
    }

    var isEdgeTriggered: Bool { events & Self.edgeTriggered != 0 }

    /// The current readiness, limited to the watched events.
    var found: Readiness { file.readiness.intersection(wanted) }

    var wanted: Readiness { Readiness(rawValue: UInt16(truncatingIfNeeded: events)).union(Self.always) }

    func hear(_ news: Readiness) {
        guard !isQueued, !news.isDisjoint(with: wanted) else { return }
        isQueued = true
        set.ready.append(self)
    }
}

/// An epoll set.
final class SimulatedEpoll: SimulatedFile {
    var ready: [EpollWatch] = []
    private(set) var watching: [CInt: [EpollWatch]] = [:]

    override var readiness: Readiness { ready.contains { !$0.isRemoved && !$0.found.isEmpty } ? .readable : [] }

    /// All registrations, ordered by descriptor, so that no hash order leaks into the run.
    var all: [EpollWatch] { watching.keys.sorted().flatMap { watching[$0] ?? [] } }

    /// Changes a registration (epoll_ctl(2)) of a descriptor that refers to `file`.
    func control(
        _ operation: EpollOperation, _ descriptor: CInt, _ file: SimulatedFile, events: UInt32, data: UInt64
    ) -> SystemResult {
        let known = watching[descriptor]?.first { $0.file === file }
        switch operation {
        case .add:
            if known != nil { return SystemResult(.fileExists) }
            if !file.canBeWatched { return SystemResult(.notPermitted) }
            let watch = EpollWatch(set: self, file: file, descriptor: descriptor, events: events, data: data)
            watching[descriptor, default: []].append(watch)
            file.watches.append(watch)
            watch.hear(file.readiness)
        case .modify:
            guard let known else { return SystemResult(.noSuchFileOrDirectory) }
            known.events = events
            known.data = data
            known.hear(file.readiness)
        case .delete:
            guard let known else { return SystemResult(.noSuchFileOrDirectory) }
            remove(known)
            file.watches.removeAll { $0 === known }
        }
        return SystemResult(0)
    }

    /// Removes a registration from the set; the caller removes it from the file.
    func remove(_ watch: EpollWatch) {
        watch.isRemoved = true
        watching[watch.descriptor]?.removeAll { $0 === watch }
        if watching[watch.descriptor]?.isEmpty == true { watching[watch.descriptor] = nil }
    }

    /// Returns the events that are ready now, at most `limit`.
    func collect(_ limit: Int, reordering: (inout [EpollWatch]) -> Void) -> [EpollEvent] {
        var events: [EpollEvent] = []
        if ready.isEmpty { return events }
        var candidates = ready.filter { !$0.isRemoved }
        ready = []
        reordering(&candidates)
        var again: [EpollWatch] = []
        for (index, watch) in candidates.enumerated() {
            if events.count == limit {
                ready += candidates[index...]
                break
            }
            watch.isQueued = false
            let found = watch.found
            if found.isEmpty { continue }
            events.append(EpollEvent(events: UInt32(found.rawValue), data: watch.data))
            if !watch.isEdgeTriggered {
                watch.isQueued = true
                again.append(watch)
            }
        }
        ready += again
        return events
    }

    override func released() {
        for watch in all { watch.file.watches.removeAll { $0 === watch } }
        watching = [:]
        ready = []
    }
}
