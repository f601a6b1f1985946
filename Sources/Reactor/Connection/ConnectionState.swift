// The state of a connection as one option set, so that the hot path tests many facts at once.
//
// Two directions, each open until it has ended; `close()` and `abort()` end both.
//
//     reading:   open --end of stream--> ended
//                (paused: by the user, backpressure or a rate; the kernel then keeps the bytes, and the peer waits)
//                (held: the handler has kept a part of what it received, and nothing newer is received before that)
//
//     writing:   open --closeWrite()--> closingWrite --queue empty, shutdown(2)--> writeClosed
//
//     life:      open --close()--> closing --queue empty--> lingering --peer ended, or enough--> closed
//                  |                  |                                                            ^
//                  +------------------+---- abort(), error, deadline, limit, both ended -----------+
//
// `closing` and `lingering` discard input: otherwise two peers that close while both have much to send would wait for
// each other; and closing a socket with unread input resets it, and a reset may destroy the last reply before the peer
// has read it (RFC 1122, 4.2.2.13).

/// The state of a connection.
struct ConnectionState: OptionSet {
    let rawValue: UInt32

    // Life: at most one of these; without any, the connection is open.
    static let closing = ConnectionState(rawValue: 1 << 0)
    static let lingering = ConnectionState(rawValue: 1 << 1)
    static let closed = ConnectionState(rawValue: 1 << 2)

    // Reading.
    static let ended = ConnectionState(rawValue: 1 << 3)
    static let pausedByUser = ConnectionState(rawValue: 1 << 4)
    static let pausedByPressure = ConnectionState(rawValue: 1 << 5)

    // Writing.
    static let closingWrite = ConnectionState(rawValue: 1 << 6)
    static let writeClosed = ConnectionState(rawValue: 1 << 7)
    /// Output is queued.
    static let queued = ConnectionState(rawValue: 1 << 8)
    /// The handler is running, and its writes are gathered.
    static let gathering = ConnectionState(rawValue: 1 << 9)
    /// The connection is in ``EventLoop/unflushed``.
    static let unflushed = ConnectionState(rawValue: 1 << 10)
    /// `drained` is to be called once output is below the low watermark.
    static let owesDrained = ConnectionState(rawValue: 1 << 11)

    // The first message.
    static let awaitsFirstBytes = ConnectionState(rawValue: 1 << 12)
    /// A complete message is awaited: ``Connection/messageArrived()`` clears this.
    static let awaitsMessage = ConnectionState(rawValue: 1 << 13)

    /// The descriptor was given to the user, who may have duplicated it.
    static let descriptorShared = ConnectionState(rawValue: 1 << 14)
    /// The kernel had no memory for a send, which a timer retries, because the selector would report "writable" at
    /// once.
    static let outOfBuffers = ConnectionState(rawValue: 1 << 15)

    /// The handler holds input that it must process before anything newer is received.
    static let holdsInput = ConnectionState(rawValue: 1 << 16)
    /// A file was sent or given up, and its `completed` closure has not been called.
    static let owesFileOutcome = ConnectionState(rawValue: 1 << 17)

    // Rates.
    /// Reading has a rate limit, so it does not take the fast path.
    static let limitsReading = ConnectionState(rawValue: 1 << 18)
    /// Sending has a rate limit, so all output is queued.
    static let limitsWriting = ConnectionState(rawValue: 1 << 19)
    /// Reading waits for tokens.
    static let pausedByRate = ConnectionState(rawValue: 1 << 20)
    /// The queue waits for tokens.
    static let heldByRate = ConnectionState(rawValue: 1 << 21)

    /// The peer had not acknowledged all output at the last check of the deadlines.
    static let unacknowledged = ConnectionState(rawValue: 1 << 22)

    /// Output above the high watermark does not pause reading (``PressurePolicy/reportsOnly``).
    static let reportsPressureOnly = ConnectionState(rawValue: 1 << 23)
    /// The connection is part of a relay, which sets and ends `pausedByPressure` for the pressure of the other side.
    static let relayed = ConnectionState(rawValue: 1 << 24)

    // Sets that are tested together.
    static let notOpen: ConnectionState = [.closing, .lingering, .closed]
    static let pausesReading: ConnectionState = [.pausedByUser, .pausedByPressure, .pausedByRate, .holdsInput]
    static let keepsFromReading: ConnectionState = [.closed, .ended, .pausesReading]
    static let keepsFromReadingFreely: ConnectionState = [.keepsFromReading, .limitsReading]
    static let keepsFromDelivering: ConnectionState = [.notOpen, .pausedByUser, .pausedByPressure]
    static let discardsInput: ConnectionState = [.closing, .lingering]
    static let keepsFromWriting: ConnectionState = [.closing, .lingering, .closed, .closingWrite, .writeClosed]
    static let decidesWriting: ConnectionState = [.keepsFromWriting, .gathering, .queued, .limitsWriting]
    static let needsSettling: ConnectionState = [
        .closing, .lingering, .closed, .closingWrite, .queued, .pausedByPressure, .owesDrained, .owesFileOutcome,
    ]

    var isOpen: Bool { isDisjoint(with: .notOpen) }
    var isClosed: Bool { contains(.closed) }
    var readsFreely: Bool { isDisjoint(with: .keepsFromReadingFreely) }
    var wantsToRead: Bool { isDisjoint(with: .keepsFromReading) }
    /// Whether the handler may continue with the input that it holds.
    var wantsHeldInput: Bool { contains(.holdsInput) && isDisjoint(with: .keepsFromDelivering) }
}
