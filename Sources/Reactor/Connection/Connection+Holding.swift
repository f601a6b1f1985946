// Input that a handler holds: a part of what it was lent and could not go on with, because reading was paused in the
// middle of it or because others have to have their turn. The connection receives nothing newer meanwhile and calls
// again; the bytes themselves are the handler's.
//
//     received --holdInput()--> held --not paused, a later turn--> resumed --holds no more--> reading
//                                 ^                                   |
//                                 +------------ holdInput() ----------+

extension Connection {
    /// Receives nothing until the handler has gone on with what it has: ``ConnectionHandler/resumed(_:)`` is called in
    /// a later turn of the loop, as soon as reading is not paused.
    ///
    /// For handlers that cut what they receive into pieces and stop between two of them, because they paused reading
    /// with one, because its answer met pressure, or because they have done enough for one turn: they keep the rest,
    /// and go on when called. To be asked for each time anew. Does nothing once the peer has ended or ``close()`` was
    /// called.
    public func holdInput() {
        guard state.isOpen && !state.contains(.ended) else { return }
        state.insert(.holdsInput)
        readingResumed()
    }

    /// Whether the handler may be given one more message of what was received already.
    @inline(__always)
    var takesMessages: Bool {
        state.isDisjoint(with: [.keepsFromDelivering, .owesDrained]) || takesMessagesUnderPressure
    }

    /// What the running handler wrote counts as pressure only when it returns, but no more may be asked of it now.
    @inline(never)
    private var takesMessagesUnderPressure: Bool {
        state.isDisjoint(with: .keepsFromDelivering) && queuedWeight <= limits.high
    }
}
