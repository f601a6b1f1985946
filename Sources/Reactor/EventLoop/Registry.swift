// Who is registered under which descriptor, and with what interest. Invariants 2 and 3 live here: the registry is the
// truth and the selector's idea of it a cache, brought up to date once before each wait; and an event is delivered only
// if its generation matches.
//
//     slot, by descriptor number:
//
//         nobody --add--> wanted, not told --flush--> wanted = told --remove--> nobody (generation + 1 at the next add)
//                               ^                        |
//                               +------ setInterest -----+

import SystemPackage

/// A reference that the registry keeps alive by itself, so that delivering an event counts none.
///
/// Safe: it is retained when it is made, and released only in ``Registry/releaseRetired()``, at the end of a turn, when
/// no source is running.
@safe struct SourceReference: BitwiseCopyable {
    private let reference: Unmanaged<EventSource>

    fileprivate init(retaining source: EventSource) { unsafe reference = .passRetained(source) }

    /// Calls `body` with the source, without counting references.
    @inline(__always)
    func borrowed(_ body: (EventSource) -> Void) { unsafe reference._withUnsafeGuaranteedRef(body) }

    /// The source, counted as usual.
    var source: EventSource { unsafe reference.takeUnretainedValue() }

    fileprivate func release() { unsafe reference.release() }
}

/// A table of sources by descriptor number.
///
/// A class, so that a call of the selector is no access to a property of the loop that would have to be checked for
/// exclusivity at every event.
final class Registry {
    private struct Slot: BitwiseCopyable {
        var source: SourceReference?
        var generation: UInt32 = 0
        /// What the source wants, and what the selector was told last.
        var wanted: Interest?
        var told: Interest?
        /// In the list of changes.
        var isChanged = false
        /// Taken out of the selector because of a hang-up that nobody wants to hear of now.
        var isMuted = false
    }

    private let slots = GrowingTable(filledWith: Slot())
    private let changed = WorkList<Int>()
    private let retired = WorkList<SourceReference>()
    private(set) var count = 0

    deinit { precondition(count == 0 && retired.isEmpty, "the loop was dropped without being shut down") }

    /// Enters a source under its descriptor; the selector is told before the next wait.
    func add(_ source: EventSource, wanting interest: Interest) {
        let index = Int(source.name.rawValue)
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

    /// Changes what a source wants to know.
    func setInterest(_ interest: Interest, of source: EventSource) {
        let index = source.token.index
        if slots[index].wanted == interest { return }
        slots[index].wanted = interest
        noteChange(index)
    }

    /// Tells the selector once more what it refused.
    func retell(_ source: EventSource) { noteChange(source.token.index) }

    /// What a registered source wants to know.
    func interest(of source: EventSource) -> Interest { slots[source.token.index].wanted ?? [] }

    private func noteChange(_ index: Int) {
        if slots[index].isChanged { return }
        slots[index].isChanged = true
        changed.append(index)
    }

    /// Takes a source out. It lives on until ``releaseRetired()``.
    ///
    /// - Parameter closesAlone: its descriptor is about to be closed and nobody else has it, so the kernel will forget
    ///   it, if the selector relies on that.
    func remove(_ source: EventSource, from selector: any Selector, closesAlone: Bool) {
        let index = source.token.index
        if let told = slots[index].told {
            if !(closesAlone && selector.capabilities.forgetsClosedDescriptors) {
                _ = selector.change(source.name, token: source.token, from: told, to: nil)
            }
            slots[index].told = nil
        }
        retired.append(slots[index].source!)
        slots[index].source = nil
        slots[index].wanted = nil
        source.isRegistered = false
        count -= 1
    }

    /// Lets `new` take the place of `old` under the same descriptor and token, without a word to the selector.
    func replace(_ old: EventSource, by new: EventSource, wanting interest: Interest) {
        let index = old.token.index
        retired.append(slots[index].source!)
        slots[index].source = SourceReference(retaining: new)
        old.isRegistered = false
        new.token = old.token
        new.isRegistered = true
        setInterest(interest, of: new)
    }

    /// Gives back the sources that were removed. Called when no source is running.
    func releaseRetired() {
        if !retired.isEmpty { retired.drain { $0.release() } }
    }

    /// Whose event this is; `nil` when the registration is gone, or another's by now.
    @inline(__always)
    func source(for token: Token) -> SourceReference? {
        let index = token.index
        guard index < slots.count, slots[index].generation == token.generation else { return nil }
        return slots[index].source
    }

    /// Who is registered under a descriptor's number.
    func source(of descriptor: FileDescriptor) -> EventSource? {
        let index = Int(descriptor.rawValue)
        return index < slots.count ? slots[index].source?.source : nil
    }

    /// Takes a source out of the selector until it wants something again, because a hang-up or an error that it does
    /// not want to hear of now cannot be masked.
    func muteIfUnwanted(_ token: Token, in selector: any Selector) {
        let index = token.index
        guard slots[index].wanted == [], let told = slots[index].told else { return }
        _ = selector.change(FileDescriptor(rawValue: CInt(index)), token: token, from: told, to: nil)
        slots[index].told = nil
        slots[index].isMuted = true
    }

    /// Whether there is something to tell the selector.
    var hasChanges: Bool { !changed.isEmpty }

    /// Tells the selector what changed; answers the sources it refused, with its reason.
    func flush(to selector: any Selector) -> [(EventSource, Errno)] {
        var refused: [(EventSource, Errno)] = []
        changed.drain { index in
            slots[index].isChanged = false
            guard let source = slots[index].source?.source, let wanted = slots[index].wanted else { return }
            let told = slots[index].told
            if told == wanted || !isToBeTold(index) { return }
            if let errno = selector.change(source.name, token: source.token, from: told, to: wanted).errno {
                refused.append((source, errno))
                return
            }
            slots[index].told = wanted
            slots[index].isMuted = false
        }
        return refused
    }

    /// The highest number that somebody is registered under.
    var highestDescriptor: Int? { (0..<slots.count).last { slots[$0].wanted != nil } }

    /// Registers everything with another selector, which knows nothing yet, and counts it as told.
    ///
    /// - Returns: `nil`, or the error of a selector that has no memory for all; nothing has changed here then. What
    ///   else may be refused concerns one source, like a regular file, and is told to it at the next flush.
    func move(to selector: any Selector) -> Errno? {
        var refused: [Int] = []
        for index in 0..<slots.count where isToBeTold(index) {
            guard let source = slots[index].source?.source else { continue }
            let result = selector.change(source.name, token: source.token, from: nil, to: slots[index].wanted)
            guard let errno = result.errno else { continue }
            if errno.faultClass == .resources { return errno }
            refused.append(index)
        }
        for index in 0..<slots.count where isToBeTold(index) {
            slots[index].told = slots[index].wanted
            slots[index].isMuted = false
        }
        for index in refused {
            slots[index].told = nil
            noteChange(index)
        }
        return nil
    }

    /// Whether a selector should know of this slot: somebody is there, and not out of the selector for good reason.
    private func isToBeTold(_ index: Int) -> Bool {
        guard let wanted = slots[index].wanted else { return false }
        return !(slots[index].isMuted && wanted == [])
    }

    /// All sources, for the end of the loop.
    func all() -> [EventSource] { (0..<slots.count).compactMap { slots[$0].source?.source } }
}
