// What a TFTP server's operator sets and gets: limits, counters, and a report of each transfer.

public import Reactor

/// What a TFTP server lets its clients use up.
public struct TFTPLimits: Sendable {
    /// Descriptors that a transfer takes at most: its socket, the file, the file's directory; and that of a transfer that
    /// lingers, of which there may be as many.
    public static let descriptorsPerTransfer = 4

    /// Transfers at once. Default: 128.
    public var transfers = 128
    /// Transfers at once of one address; an IPv6 /64 is one. Default: 16.
    public var transfersPerAddress = 16
    /// Bytes of a block at most (RFC 2348). Default: 65,464, which is all there is.
    public var blockSize = 65_464
    /// Blocks of a window at most (RFC 7440), fewer if they would take more than 256 KiB. Default: 64.
    public var windowSize = 64
    /// Bytes of a file that is written. Default: 1 GiB.
    public var fileSize = 1 << 30
    /// How fast a file that is written has to come in. Default: 50 bytes per second after 30 s, because blocks of 512 bytes,
    /// one at a time, are slow on a long path that loses some.
    public var writeRate = MinimumRate(bytesPerSecond: 50)
    /// How long a client may be silent before its transfer is given up, or ten times the timeout that it has asked for
    /// (RFC 2349) where that is longer, at most ten minutes. Default: 20 s.
    public var patience = Duration.seconds(20)
    /// How long the last acknowledgement of a written file can be asked for once more, or twice the timeout that the client
    /// has asked for where that is longer. Default: 6 s, in which a client asks at least twice.
    public var linger = Duration.seconds(6)

    /// The defaults.
    public init() {}
}

/// A transfer that is over, for the operator.
public struct TransferReport: Sendable {
    /// Whose it was.
    public let peer: SocketAddress
    /// The file's name, fit for a terminal.
    public let name: String
    /// Whether the client wrote the file.
    public let isWrite: Bool
    /// How the bytes travelled.
    public let mode: TFTPMode
    /// What was counted.
    public let statistics: TransferStatistics
    /// How long it took.
    public let duration: Duration
    /// Why it failed, if it did.
    public let failure: TransferFailure?
}

/// What a TFTP server has counted.
public struct TFTPStatistics: Sendable, Hashable {
    /// Files that clients have read.
    public internal(set) var read = 0
    /// Files that clients have written.
    public internal(set) var written = 0
    /// Transfers that failed.
    public internal(set) var failed = 0
    /// Requests that were answered with an error.
    public internal(set) var refused = 0
    /// Datagrams to the port of requests that were none.
    public internal(set) var useless = 0
    /// Bytes of files, in either direction.
    public internal(set) var bytes = 0
    /// Packets that were sent more than once.
    public internal(set) var repeated = 0
}
