// What goes wrong by chance, and how often. Every fault is something that Linux may do: a program that is right
// survives all of them.

/// The faults of a simulated world, as probabilities a system call unless said otherwise. Any number is taken: below 0 is
/// never, 1 and more always, but that a call is interrupted or would block, which is 0.95 at most, so that whoever tries
/// again comes through.
///
///     var faults = Faults.mild
///     faults.interruption = 0.5
///     let world = try Simulation(seed: 42, faults: faults)
public struct Faults: Sendable {
    /// A receive or a send moves only a part of what it could.
    public var shortTransfer = 0.0
    /// A receive, send or accept would block although readiness was told.
    public var wouldBlock = 0.0
    /// A call that may be interrupted is (`EINTR`).
    public var interruption = 0.0
    /// A wait tells readiness of one descriptor where there may be none; for each wait.
    public var spuriousReadiness = 0.0
    /// A connection is lost; for each segment that arrives.
    public var reset = 0.0
    /// A connection goes away before it is accepted (`ECONNABORTED`).
    public var abortedAccept = 0.0
    /// No descriptor can be had (`EMFILE`, `ENFILE`).
    public var outOfDescriptors = 0.0
    /// No memory can be had (`ENOBUFS`, `ENOMEM`).
    public var outOfMemory = 0.0
    /// `epoll_ctl` fails (`ENOMEM`, `ENOSPC`).
    public var failingRegistration = 0.0
    /// The events of a wait come in any order.
    public var reordering = 0.0
    /// A simulated client reads slowly; for each client.
    public var slowPeer = 0.0
    /// A simulated client never reads; for each client.
    public var stuckPeer = 0.0
    /// A datagram is lost on its way; for each datagram.
    public var datagramLoss = 0.0
    /// A datagram arrives twice; for each datagram.
    public var datagramDuplication = 0.0
    /// A datagram is overtaken by those behind it; for each datagram.
    public var datagramReordering = 0.0
    /// How long a segment or a datagram is on its way, in nanoseconds; 0 to a year.
    public var delay: ClosedRange<Int> = 20_000...20_000
    /// Bytes of a segment at most, chosen for each one; at least 1.
    public var segment: ClosedRange<Int> = 1460...1460

    /// Everything goes well.
    public static let none = Faults()

    /// A day like any other on a busy network.
    public static let mild: Faults = {
        var faults = Faults()
        faults.shortTransfer = 0.05
        faults.wouldBlock = 0.02
        faults.interruption = 0.02
        faults.spuriousReadiness = 0.01
        faults.reordering = 0.5
        faults.slowPeer = 0.1
        faults.datagramLoss = 0.01
        faults.datagramDuplication = 0.01
        faults.datagramReordering = 0.05
        faults.delay = 10_000...300_000
        faults.segment = 1...1460
        return faults
    }()

    /// Everything that can go wrong does, often.
    public static let harsh: Faults = {
        var faults = Faults()
        faults.shortTransfer = 0.25
        faults.wouldBlock = 0.15
        faults.interruption = 0.2
        faults.spuriousReadiness = 0.08
        faults.reset = 0.005
        faults.abortedAccept = 0.05
        faults.outOfDescriptors = 0.05
        faults.outOfMemory = 0.02
        faults.failingRegistration = 0.01
        faults.reordering = 0.9
        faults.slowPeer = 0.2
        faults.stuckPeer = 0.05
        faults.datagramLoss = 0.1
        faults.datagramDuplication = 0.05
        faults.datagramReordering = 0.2
        faults.delay = 0...5_000_000
        faults.segment = 1...1460
        return faults
    }()
}
