// The operator's view of a TFTP server: its limits, its counters, and the report of each transfer.

public import Reactor

/// The limits of a TFTP server.
public struct TFTPLimits: Sendable {
    /// The most descriptors per transfer: its socket, the file, the file's directory, and the socket of a lingering
    /// transfer, of which there may be as many as active ones.
    public static let descriptorsPerTransfer = 4

    /// The most transfers at the same time. Default: 128.
    public var transfers = 128
    /// The most transfers at the same time per address; an IPv6 /64 counts as one address. Default: 16.
    public var transfersPerAddress = 16
    /// The largest block size that is granted, in bytes (RFC 2348). Default: 65,464, the largest that exists.
    public var blockSize = 65_464
    /// The largest window that is granted, in blocks (RFC 7440); it is reduced so that a window has at most 256 KiB.
    /// Default: 64.
    public var windowSize = 64
    /// The largest file that a client may write, in bytes. Default: 1 GiB.
    public var fileSize = 1 << 30
    /// The least average rate of a file that a client writes; a slower transfer is ended. Default: 50 B/s, after 30 s
    /// of grace, because blocks of 512 bytes without a window are slow on a long, lossy path.
    public var writeRate = MinimumRate(bytesPerSecond: 50)
    /// How long a client may be silent before its transfer fails. Default: 20 s. With a negotiated timeout (RFC 2349),
    /// ten times that if it is longer, at most ten minutes.
    public var patience = Duration.seconds(20)
    /// How long the last acknowledgement of a written file is repeated on request. Default: 6 s, long enough for two
    /// retransmissions of a client. With a negotiated timeout, twice that and a second if it is longer.
    public var linger = Duration.seconds(6)

    /// Creates the default limits.
    public init() {}
}

/// A report of a transfer that has ended.
public struct TransferReport: Sendable {
    /// The address of the client.
    public let peer: SocketAddress
    /// The name of the file, safe to print on a terminal.
    public let name: String
    /// Whether the client wrote the file (WRQ) rather than read it (RRQ).
    public let isWrite: Bool
    /// The transfer mode.
    public let mode: TFTPMode
    /// The counters of the transfer.
    public let statistics: TransferStatistics
    /// How long the transfer took.
    public let duration: Duration
    /// The reason for the failure; `nil` for a complete transfer.
    public let failure: TransferFailure?
}

/// The counters of a TFTP server.
public struct TFTPStatistics: Sendable, Hashable {
    /// The number of files that clients have read completely.
    public internal(set) var read = 0
    /// The number of files that clients have written completely.
    public internal(set) var written = 0
    /// The number of transfers that failed.
    public internal(set) var failed = 0
    /// The number of requests that were refused with an error.
    public internal(set) var refused = 0
    /// The number of datagrams on the request port that were ignored or were not requests.
    public internal(set) var useless = 0
    /// The number of file bytes, in both directions.
    public internal(set) var bytes = 0
    /// The number of packets that were retransmitted.
    public internal(set) var repeated = 0
}
