// A TFTP client: one transfer, on a port of its own, with the port that the server answers from.

public import Reactor

/// How a client wants a transfer to be.
public struct TFTPSettings: Sendable {
    /// How the bytes travel. Default: as they are.
    public var mode = TFTPMode.octet
    /// Bytes of a block that are asked for; 512 asks for nothing. Default: 1,428, which an Ethernet frame carries.
    public var blockSize = 1428
    /// Blocks for one acknowledgement that are asked for; 1 asks for nothing. Default: 16.
    public var windowSize = 16
    /// Seconds until a packet is sent again, asked for; `nil` adapts to the network and asks for nothing.
    public var timeout: Int?
    /// Whether the file's size is told, or asked for. Default: yes.
    public var sharesSize = true
    /// How long the server may be silent, or ten times ``timeout`` where that is agreed on and longer, at most ten minutes.
    /// Default: 20 s.
    public var patience = Duration.seconds(20)

    /// The defaults.
    public init() {}

    var terms: TFTPTerms {
        var terms = TFTPTerms()
        terms.blockSize = blockSize
        terms.windowSize = windowSize
        terms.timeout = timeout.map { .seconds($0) }
        return terms
    }
}

/// How far a client's transfer has come.
public struct TransferProgress: Sendable, Hashable {
    /// What was counted.
    public let statistics: TransferStatistics
    /// Bytes of the whole file on its way, if that is known.
    public let total: Int?
    /// Bytes of a block and blocks of a window that were agreed on.
    public let blockSize, windowSize: Int
}

/// One transfer of a client. Begins when it is made, and tells once how it ended.
public final class TFTPClient {
    /// How long after a lossy transfer the server may ask for the last acknowledgement once more.
    private static let linger = Duration.seconds(1)

    private let session: TransferSession
    private let total: Int?
    private var ended: ((TransferFailure?) -> Void)?
    /// When the file was complete, on the loop's clock.
    public private(set) var completion: MonotonicTime?

    private init(_ session: TransferSession, total: Int?, ended: @escaping (TransferFailure?) -> Void) {
        (self.session, self.total, self.ended) = (session, total, ended)
        session.stateChanged = { [unowned self] in stateChanged($0.machine.state) }
    }

    /// Gets a file.
    ///
    /// - Parameters:
    ///   - name: as the server knows it.
    ///   - ended: told once: `nil` when the file is complete, a second later where packets were lost, as the server may
    ///     ask for the last acknowledgement once more; or why it is not.
    /// - Throws: ``SocketError`` when there is no socket to be had; the sink is the caller's to discard then.
    public static func get(
        _ name: [UInt8], from server: SocketAddress, into sink: any TransferSink,
        _ settings: TFTPSettings = TFTPSettings(), on loop: EventLoop, ended: @escaping (TransferFailure?) -> Void
    ) throws(SocketError) -> TFTPClient {
        let asked = settings.terms.asking(transferSize: settings.sharesSize ? 0 : nil)
        let request = TFTPRequest(name: name, mode: settings.mode, options: asked)
        let receiver = TFTPReceiver(
            .client(.read(request)), terms: settings.terms,
            limits: TFTPReceiver.Limits(
                patience: settings.patience, comparesSize: settings.mode == .octet, linger: linger,
                lingersAfterLossOnly: true))
        var client: TFTPClient?
        let session = ReceivingSession(
            sink, settings.mode, receiver, with: server, knowsPort: false, on: loop,
            ended: { _ in
                client?.sessionEnded()
                client = nil
            })
        let made = TFTPClient(session, total: nil, ended: ended)
        try session.begin(on: anyAddress(like: server), settings.terms, sendsBlocks: false)
        client = made
        return made
    }

    /// Puts a file.
    ///
    /// - Parameters:
    ///   - size: bytes of it, if that is known.
    ///   - name: what the server is to call it.
    ///   - ended: told once: `nil` when the server has acknowledged all of it, or why it has not.
    /// - Throws: ``SocketError`` when there is no socket to be had; the source is the caller's to close then.
    public static func put(
        _ source: any TransferSource, size: Int?, to server: SocketAddress, as name: [UInt8],
        _ settings: TFTPSettings = TFTPSettings(), on loop: EventLoop, ended: @escaping (TransferFailure?) -> Void
    ) throws(SocketError) -> TFTPClient {
        // A text's length on its way is not that of the file.
        let size = settings.mode == .octet ? size : nil
        let asked = settings.terms.asking(transferSize: settings.sharesSize ? size : nil)
        let request = TFTPRequest(name: name, mode: settings.mode, options: asked)
        let sender = TFTPSender(.client(.write(request)), terms: settings.terms, patience: settings.patience)
        var client: TFTPClient?
        let session = SendingSession(
            source, size: size, settings.mode, sender, with: server, knowsPort: false, on: loop,
            ended: { _ in
                client?.sessionEnded()
                client = nil
            })
        let made = TFTPClient(session, total: size, ended: ended)
        try session.begin(on: anyAddress(like: server), settings.terms, sendsBlocks: true)
        client = made
        return made
    }

    private static func anyAddress(like server: SocketAddress) -> SocketAddress {
        server.isIPv6 ? .ipv6(high: 0, low: 0, port: 0) : .unspecified
    }

    /// How far it has come.
    public var progress: TransferProgress {
        let machine = session.machine
        return TransferProgress(
            statistics: machine.statistics, total: machine.terms.transferSize ?? total,
            blockSize: machine.terms.blockSize, windowSize: machine.terms.windowSize)
    }

    /// Ends the transfer, and tells the server.
    public func cancel() { session.cancel(TFTPError(.undefined, "the user has cancelled the transfer")) }

    private func stateChanged(_ state: TransferState) {
        if completion == nil && (state == .finished || state == .lingering) { completion = session.loop.now }
        switch state {
        case .finished: tell(nil)
        case .failed(.silent(let time)):
            // A system that does not send explains the silence.
            if let error = session.sendError {
                tell(.unsent("\(TransferFailure.silent(time)); \(error)"))
            } else {
                tell(.silent(time))
            }
        case .failed(let failure): tell(failure)
        default: break
        }
    }

    /// Its socket is gone: the transfer is over, or the loop has ended before.
    private func sessionEnded() {
        tell(completion == nil ? .local(TFTPError(.undefined, "the transfer was not complete")) : nil)
    }

    private func tell(_ failure: TransferFailure?) {
        ended.take()?(failure)
    }
}
