// The interface of the two state machines of TFTP: packets and the time go in, packets come out; neither does I/O. The
// driver sends the packets in `outgoing` after each call, and calls back at `deadline`.

import Reactor

/// The state of a transfer.
enum TransferState: Sendable, Equatable {
    /// The peer has not replied yet.
    case opening
    /// Blocks are being transferred.
    case transferring
    /// The whole file has arrived and is being stored; the last acknowledgement follows. Receivers only.
    case completing
    /// Complete, but the last acknowledgement is repeated on request. Receivers only.
    case lingering
    /// Complete.
    case finished
    /// Failed.
    case failed(TransferFailure)

    var isOver: Bool {
        switch self {
        case .finished, .failed: true
        default: false
        }
    }
}

/// The reason for the failure of a transfer.
public enum TransferFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The peer sent an error.
    case refused(TFTPError)
    /// This side ended the transfer because of invalid input from the peer, and sent it this error.
    case ended(TFTPError)
    /// This side ended the transfer for a local reason, and sent the peer this error: the file cannot be read or
    /// written, or the transfer was cancelled.
    case local(TFTPError)
    /// The system cannot send to the peer; the value is the reason.
    case unsent(String)
    /// The peer was silent for this long.
    case silent(Duration)

    /// The reason, safe to print on a terminal.
    public var description: String {
        switch self {
        case .refused(let error): "the other side says: \(error)"
        case .ended(let error), .local(let error): "\(error)"
        case .unsent(let reason): reason
        case .silent(let time): "no reply for \(time.components.seconds) s"
        }
    }
}

/// The counters of a transfer.
public struct TransferStatistics: Sendable, Hashable {
    /// The number of payload bytes that were transferred, each counted once; netascii is counted as encoded.
    public internal(set) var bytes = 0
    /// The number of blocks that were transferred.
    public internal(set) var blocks = 0
    /// The number of retransmitted packets.
    public internal(set) var repeated = 0
    /// The number of received packets that were ignored: duplicates, late packets, blocks beyond a gap.
    public internal(set) var useless = 0
    /// The number of timeouts.
    public internal(set) var timeouts = 0
}

/// One half of a transfer, as a state machine.
protocol TransferMachine: AnyObject {
    /// The state.
    var state: TransferState { get }
    /// The packets to send, in order. The driver removes them.
    var outgoing: [[UInt8]] { get set }
    /// The time at which the driver calls ``deadlineReached(at:)``.
    var deadline: MonotonicTime { get }
    /// The counters.
    var statistics: TransferStatistics { get }
    /// The negotiated terms.
    var terms: TFTPTerms { get }

    /// Whether a server has sent all that it may send to a peer that has not answered: it only waits for that now.
    var isSpent: Bool { get }

    /// Sends the first packet.
    func begin(at now: MonotonicTime)
    /// Handles a packet from the peer.
    func received(_ packet: TFTPPacket, at now: MonotonicTime)
    /// Handles the deadline; calls before it do nothing.
    func deadlineReached(at now: MonotonicTime)
    /// Ends the transfer with a failure and sends the peer an error.
    func fail(_ error: TFTPError, because failure: TransferFailure)
}

extension TransferMachine {
    /// Ends the transfer because of invalid input from the peer, and sends it an error.
    func fail(_ error: TFTPError) { fail(error, because: .ended(error)) }

    /// Ends the transfer for a local reason, and sends the peer an error.
    func failLocally(_ error: TFTPError) { fail(error, because: .local(error)) }
}

/// The first packet of a transfer, which is retransmitted until the peer replies, and its sender.
struct TransferOpening: Sendable {
    /// The packet; `nil` for a server whose reply to a read request without options is block 1.
    let packet: [UInt8]?
    /// The options of a client's request; empty for a server, whose terms contain them.
    let asked: [TFTPOption]
    let isServer: Bool

    /// The most packets that a server sends to a peer that has not replied: the source of a request may be forged.
    static let serversPackets = 3

    /// Returns the opening of a server that grants options.
    static func server(granting reply: [TFTPOption], isWrite: Bool) -> TransferOpening {
        let packet: TFTPPacket? =
            reply.isEmpty ? (isWrite ? .acknowledgement(block: 0) : nil) : .optionAcknowledgement(reply)
        return TransferOpening(packet: packet?.bytes, asked: [], isServer: true)
    }

    /// Returns the opening of a client, which is its request.
    static func client(_ packet: TFTPPacket) -> TransferOpening {
        let asked: [TFTPOption] =
            switch packet {
            case .read(let request), .write(let request): request.options
            default: []
            }
        return TransferOpening(packet: packet.bytes, asked: asked, isServer: false)
    }
}
