// The registered sources by descriptor, and their interest. Invariants 2 and 3 live here: the registry is the truth and
// the selector's view a cache of it, updated once before each wait; and an event is delivered only if its generation
// matches.
//
//     slot, by descriptor number:
//
//         empty --add--> wanted, not flushed --flush--> wanted = flushed --remove--> empty (next add: generation + 1)
//                               ^                           |
//                               +------- setInterest -------+

import SystemPackage

/// A reference that the registry keeps alive itself, so that delivering an event does no reference counting.
///
/// Safe: the source is retained when this is created, and released only in ``Registry/releaseRetired()``, at the end of
/// a turn, when no source is running.
@safe struct SourceReference: BitwiseCopyable {
    private let reference: Unmanaged<EventSource>

    // Safe: balanced by `release()`, which is called once; until then the reference is valid.
    fileprivate init(retaining source: EventSource) { unsafe reference = .passRetained(source) }

    /// Calls `body` with the source, without reference counting.
    @inline(__always)
    func borrowed(_ body: (EventSource) -> Void) { unsafe reference._withUnsafeGuaranteedRef(body) }

    /// The source as an ordinary, counted reference.
    var source: EventSource { unsafe reference.takeUnretainedValue() }

    // Safe: balances `init(retaining:)`.
    fileprivate func release() { unsafe reference.release() }
}

/// A table of sources by descriptor number.
///
/// A class, so that a call of the selector does not access a property of the loop, which would need an exclusivity
/// check per event.
final class Registry {
    private struct Slot: BitwiseCopyable {
        var source: SourceReference?
        var generation: UInt32 = 0
        /// The interest that the source wants, and the one last passed to the selector.
        var wanted: Interest?
        var applied: Interest?
        /// Whether the slot is in the list of changes.
        var isChanged = false
        /// Whether the slot was taken out of the selector because of a hang-up that its source has no interest in.
        var isMuted = false
    }

    private let slots = GrowingTable(filledWith: Slot())
    private let changed = WorkList<Int>()
    private let retired = WorkList<SourceReference>()
    private(set) var count = 0

    deinit { precondition(count == 0 && retired.isEmpty, "the loop was dropped without being shut down") }

    /// Registers a source under its descriptor; the selector learns of it before the next wait.
    func add(_ source: EventSource, wanting interest: Interest) {
        let index = Int(source.fd.rawValue)
        slots.grow(toInclude: index)
        precondition(slots[index].source == nil, "descriptor \(index) is watched already")
        slots[index].source = SourceReference(retaining: source)
        slots[index].generation &+= 1
        slots[index].wanted = interest
        slots[index].isMuted = false
        count += 1
        source.token = Token(index: index, generation: slots[index].generation)
        source.isRegistered = true
        noteChange(index)
    }

    /// Changes a source's interest.
    func setInterest(_ interest: Interest, of source: EventSource) {
        let index = source.token.index
        if slots[index].wanted == interest { return }
        slots[index].wanted = interest
        noteChange(index)
    }

    /// Retries a registration that the selector refused.
    func reapply(_ source: EventSource) { noteChange(source.token.index) }

    /// Returns the interest of a registered source.
    func interest(of source: EventSource) -> Interest { slots[source.token.index].wanted ?? [] }

    private func noteChange(_ index: Int) {
        if slots[index].isChanged { return }
        slots[index].isChanged = true
        changed.append(index)
    }

    /// Removes a source. It stays alive until ``releaseRetired()``.
    ///
    /// - Parameter closesAlone: whether its descriptor is about to be closed and has no duplicate, so that the kernel
    ///   drops the registration by itself, if the selector relies on that.
    func remove(_ source: EventSource, from selector: any Selector, closesAlone: Bool) {
        let index = source.token.index
        if let told = slots[index].applied {
            if !(closesAlone && selector.capabilities.forgetsClosedDescriptors) {
                _ = selector.change(source.fd, token: source.token, from: told, to: nil)
            }
            slots[index].applied = nil
        }
        retired.append(slots[index].source!)
        slots[index].source = nil
        slots[index].wanted = nil
        source.isRegistered = false
        count -= 1
    }

    /// Replaces `old` by `new` under the same descriptor and token, without a call of the selector.
    func replace(_ old: EventSource, by new: EventSource, wanting interest: Interest) {
        let index = old.token.index
        retired.append(slots[index].source!)
        slots[index].source = SourceReference(retaining: new)
        old.isRegistered = false
        new.token = old.token
        new.isRegistered = true
        setInterest(interest, of: new)
    }

    /// Releases the removed sources. Called when no source is running.
    func releaseRetired() {
        if !retired.isEmpty { retired.drain { $0.release() } }
    }

    /// Returns the source of an event; `nil` when the registration is gone or belongs to another source by now.
    @inline(__always)
    func source(for token: Token) -> SourceReference? {
        let index = token.index
        guard index < slots.count, slots[index].generation == token.generation else { return nil }
        return slots[index].source
    }

    /// Returns the source that is registered under a descriptor's number.
    func source(of descriptor: FileDescriptor) -> EventSource? {
        let index = Int(descriptor.rawValue)
        return index < slots.count ? slots[index].source?.source : nil
    }

    /// Removes a source without interest from the selector until it has some again, because a hang-up or an error
    /// cannot be masked.
    func muteIfUnwanted(_ token: Token, in selector: any Selector) {
        let index = token.index
        guard slots[index].wanted == [], let told = slots[index].applied else { return }
        _ = selector.change(FileDescriptor(rawValue: CInt(index)), token: token, from: told, to: nil)
        slots[index].applied = nil
        slots[index].isMuted = true
    }

    /// Whether there are changes to flush to the selector.
    var hasChanges: Bool { !changed.isEmpty }

    /// Flushes the changes to the selector.
    ///
    /// - Returns: The sources that the selector refused, with the error of each.
    func flush(to selector: any Selector) -> [(EventSource, Errno)] {
        var refused: [(EventSource, Errno)] = []
        changed.drain { index in
            slots[index].isChanged = false
            guard let source = slots[index].source?.source, let wanted = slots[index].wanted else { return }
            let told = slots[index].applied
            if told == wanted || !needsApplying(index) { return }
            if let errno = selector.change(source.fd, token: source.token, from: told, to: wanted).errno {
                refused.append((source, errno))
                return
            }
            slots[index].applied = wanted
            slots[index].isMuted = false
        }
        return refused
    }

    /// The highest descriptor number with a registration.
    var highestDescriptor: Int? { (0..<slots.count).last { slots[$0].wanted != nil } }

    /// Registers every source with a new, empty selector, and marks them as flushed.
    ///
    /// - Returns: `nil`, or the error of a selector that has no memory for all; nothing has changed here in that case.
    ///   Any other refusal concerns one source, such as a regular file, and is handled at the next flush.
    func move(to selector: any Selector) -> Errno? {
        var refused: [Int] = []
        for index in 0..<slots.count where needsApplying(index) {
            guard let source = slots[index].source?.source else { continue }
            let result = selector.change(source.fd, token: source.token, from: nil, to: slots[index].wanted)
            guard let errno = result.errno else { continue }
            if errno.faultClass == .resources { return errno }
            refused.append(index)
        }
        for index in 0..<slots.count where needsApplying(index) {
            slots[index].applied = slots[index].wanted
            slots[index].isMuted = false
        }
        for index in refused {
            slots[index].applied = nil
            noteChange(index)
        }
        return nil
    }

    /// Whether a selector should hold this slot: there is a source, and it is not muted.
    private func needsApplying(_ index: Int) -> Bool {
        guard let wanted = slots[index].wanted else { return false }
        return !(slots[index].isMuted && wanted == [])
    }

    /// Returns all sources, for the end of the loop.
    func all() -> [EventSource] { (0..<slots.count).compactMap { slots[$0].source?.source } }
}
