// The probabilities of random faults. Linux may produce every one of them, so a correct program survives all of them.

/// The faults of a simulated world, as probabilities per system call unless stated otherwise.
///
/// Any value is accepted: 0 or less means never, 1 or more means always. ``interruption`` and ``wouldBlock`` are capped
/// at 0.95, so that a caller who retries eventually succeeds.
///
///     var faults = Faults.mild
///     faults.interruption = 0.5
///     let world = try Simulation(seed: 42, faults: faults)
public struct Faults: Sendable {
    /// A receive or a send moves only part of what it could.
    public var shortTransfer = 0.0
    /// A receive, send or accept would block although readiness was reported.
    public var wouldBlock = 0.0
    /// An interruptible call is interrupted (`EINTR`).
    public var interruption = 0.0
    /// A wait reports spurious readiness of one descriptor; per wait.
    public var spuriousReadiness = 0.0
    /// A connection is lost; per arriving segment.
    public var reset = 0.0
    /// A connection is aborted before it is accepted (`ECONNABORTED`).
    public var abortedAccept = 0.0
    /// No descriptor is available (`EMFILE`, `ENFILE`).
    public var outOfDescriptors = 0.0
    /// No memory is available (`ENOBUFS`, `ENOMEM`).
    public var outOfMemory = 0.0
    /// `epoll_ctl` fails (`ENOMEM`, `ENOSPC`).
    public var failingRegistration = 0.0
    /// A wait reports its events in random order.
    public var reordering = 0.0
    /// A simulated peer reads slowly; per client, and per connection of a simulated server.
    public var slowPeer = 0.0
    /// A simulated peer never reads (``SimulatedPeer/isStalled``); per client, and per connection of a simulated
    /// server.
    public var stuckPeer = 0.0
    /// A datagram is lost; per datagram.
    public var datagramLoss = 0.0
    /// A datagram is duplicated; per datagram.
    public var datagramDuplication = 0.0
    /// A datagram is overtaken by later ones; per datagram.
    public var datagramReordering = 0.0
    /// The transit time of a segment or datagram, in nanoseconds; 0 to a year. Default: 20,000.
    public var delay: ClosedRange<Int> = 20_000...20_000
    /// The maximum size of a segment in bytes, chosen for each segment; at least 1. Default: 1,460.
    public var segment: ClosedRange<Int> = 1460...1460

    /// No faults.
    public static let none = Faults()

    /// The faults of an ordinary day on a busy network.
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

    /// Every fault, often.
    ///
    /// ## What to wait for
    ///
    /// Some peers never end by themselves, so a test that waits for all of them has to allow for these:
    ///
    /// - a peer that never reads (5%): it receives neither the end of the stream nor a reset. Wait for
    ///   `peer.isOver || peer.isStalled`;
    /// - a client whose connect is never answered, because the accept queue was full or a fault ended the listener: it
    ///   fails with `ETIMEDOUT` after two minutes of virtual time;
    /// - a connection that was lost (0.5% of the segments): ``SimulatedPeer/wasReset`` on one side, a failed connection
    ///   on the other. Bytes on the way are lost, so wait for the outcome instead of for a text;
    /// - an operation that ran out of descriptors or memory and was not begun: the program has to retry it.
    ///
    /// A condition that does not hold within its time throws a ``SimulationFailure`` that names the seed.
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
