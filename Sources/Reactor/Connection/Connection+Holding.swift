// Input that a handler holds: a part of what it was lent that it could not process yet, because reading was paused in
// the middle or because other connections must have their turn. The connection receives nothing newer meanwhile and
// calls the handler again; the bytes themselves are the handler's.
//
//     received --holdInput()--> held --not paused, a later turn--> resumed --holds no more--> reading
//                                 ^                                   |
//                                 +------------ holdInput() ----------+

extension Connection {
    /// Stops receiving until the handler has processed the input that it holds: ``ConnectionHandler/resumed(_:)`` is
    /// called in a later turn of the loop, as soon as reading is not paused.
    ///
    /// For handlers that cut input into messages and stop between two of them, because they paused reading, because a
    /// reply met backpressure, or because they have used their budget of the turn: they keep the rest, and continue
    /// when called. Each call of `resumed` ends the hold; call this again to keep it. Does nothing once the peer has
    /// ended its stream or ``close()`` was called.
    public func holdInput() {
        guard state.isOpen && !state.contains(.ended) else { return }
        state.insert(.holdsInput)
        readingResumed()
    }

    /// Whether the handler may be given another message of the input received so far.
    @inline(__always)
    var takesMessages: Bool {
        state.isDisjoint(with: [.keepsFromDelivering, .owesDrained, .relayed]) || takesMessagesUnderPressure
    }

    /// The running handler's writes count as backpressure only when it returns, but it is given no more work now.
    @inline(never)
    private var takesMessagesUnderPressure: Bool {
        state.isDisjoint(with: [.keepsFromDelivering, .relayed])
            && (state.contains(.reportsPressureOnly) || queuedWeight <= limits.high)
    }
}
