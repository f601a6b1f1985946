// What the two halves of TFTP have in common: packets and the time go in, packets come out, and neither knows a socket or
// a file. Whoever drives one sends what is in `outgoing` after each call, and comes back at `deadline`.

import Reactor

/// Where a transfer stands.
enum TransferState: Sendable, Equatable {
    /// The other side has not answered yet.
    case opening
    /// Blocks are on their way.
    case transferring
    /// All has arrived; whether it could be kept is being found out, and is acknowledged then. A receiver only.
    case completing
    /// Over, but the last acknowledgement may be asked for once more. A receiver only.
    case lingering
    /// Over, and all has arrived.
    case finished
    /// Over before its time.
    case failed(TransferFailure)

    var isOver: Bool {
        switch self {
        case .finished, .failed: true
        default: false
        }
    }
}

/// Why a transfer failed.
public enum TransferFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The other side said so.
    case refused(TFTPError)
    /// This side ended it because of what the other side sent, and said so to it.
    case ended(TFTPError)
    /// This side's file cannot be read or written, or the user has ended the transfer. The other side has nothing to do
    /// with it, and was informed.
    case local(TFTPError)
    /// The system does not send to the other side: why, in words.
    case unsent(String)
    /// The other side said nothing for this long.
    case silent(Duration)

    /// In words.
    public var description: String {
        switch self {
        case .refused(let error): "the other side says: \(error)"
        case .ended(let error), .local(let error): "\(error)"
        case .unsent(let reason): reason
        case .silent(let time): "no answer for \(time.components.seconds) s"
        }
    }
}

/// What a transfer has counted.
public struct TransferStatistics: Sendable, Hashable {
    /// Bytes of blocks that have arrived, each counted once.
    public internal(set) var bytes = 0
    /// Blocks that have arrived.
    public internal(set) var blocks = 0
    /// Packets that were sent more than once.
    public internal(set) var repeated = 0
    /// Packets that came without being of use: duplicates, late ones, those behind a gap.
    public internal(set) var useless = 0
    /// Times that nothing came in time.
    public internal(set) var timeouts = 0
}

/// One half of a transfer.
protocol TransferMachine: AnyObject {
    /// Where it stands.
    var state: TransferState { get }
    /// Packets to be sent, in order; whoever sends them empties this.
    var outgoing: [[UInt8]] { get set }
    /// When ``deadlineReached(at:)`` is to be called.
    var deadline: MonotonicTime { get }
    /// What it has counted.
    var statistics: TransferStatistics { get }
    /// What was agreed on.
    var terms: TFTPTerms { get }

    /// Whether a server has sent all that it may send to a peer that has not answered: it only waits for that now.
    var isSpent: Bool { get }

    /// Sends the first packet.
    func begin(at now: MonotonicTime)
    /// A packet of the other side arrived.
    func received(_ packet: TFTPPacket, at now: MonotonicTime)
    /// The time has come; may be called too early.
    func deadlineReached(at now: MonotonicTime)
    /// Ends the transfer for a reason of this side, and sends the other side an error.
    func fail(_ error: TFTPError, because failure: TransferFailure)
}

extension TransferMachine {
    /// Ends the transfer because of what the other side sent, and sends it an error.
    func fail(_ error: TFTPError) { fail(error, because: .ended(error)) }

    /// Ends the transfer because of this side's file, and sends the other side an error.
    func failLocally(_ error: TFTPError) { fail(error, because: .local(error)) }
}

/// The first packet of a transfer, which is sent until the other side answers, and who sends it.
struct TransferOpening: Sendable {
    /// The packet; `nil` for a server that answers a request without options: block 1 is the answer then.
    let packet: [UInt8]?
    /// The options of the request; for a server, those it grants are in the terms already.
    let asked: [TFTPOption]
    let isServer: Bool

    /// What a server may send before it knows that the peer is there: anybody can send a request in another's name.
    static let serversPackets = 3

    /// A server's, which grants terms.
    static func server(granting answer: [TFTPOption], isWrite: Bool) -> TransferOpening {
        let packet: TFTPPacket? =
            answer.isEmpty ? (isWrite ? .acknowledgement(block: 0) : nil) : .optionAcknowledgement(answer)
        return TransferOpening(packet: packet?.bytes, asked: [], isServer: true)
    }

    /// A client's.
    static func client(_ packet: TFTPPacket) -> TransferOpening {
        let asked: [TFTPOption] =
            switch packet {
            case .read(let request), .write(let request): request.options
            default: []
            }
        return TransferOpening(packet: packet.bytes, asked: asked, isServer: false)
    }
}
