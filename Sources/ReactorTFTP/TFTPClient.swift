// A TFTP client: one transfer, from a port of its own, to the port from which the server replies.

public import Reactor

/// The options of a client's transfer.
///
/// The server may grant less than is requested; see ``TransferProgress`` for the negotiated values.
public struct TFTPSettings: Sendable {
    /// The transfer mode. Default: ``TFTPMode/octet``.
    public var mode = TFTPMode.octet
    /// The requested block size in bytes, 8 to 65,464 (RFC 2348). Default: 1,428, which fits an Ethernet frame; 512 is
    /// the protocol's default and sends no option.
    public var blockSize = 1428
    /// The requested window size in blocks per acknowledgement, 1 to 65,535 (RFC 7440). Default: 16; 1 sends no option.
    public var windowSize = 16
    /// The requested retransmission timeout in seconds, 1 to 255 (RFC 2349). Default: `nil`, which adapts to the
    /// network and sends no option.
    public var timeout: Int?
    /// Whether the size of the file is announced by ``TFTPClient/put(_:size:to:as:_:on:ended:)``, and requested by
    /// ``TFTPClient/get(_:from:into:_:on:ended:)`` (RFC 2349, `tsize`). Default: `true`.
    public var sharesSize = true
    /// How long the server may be silent before the transfer fails. Default: 20 s. With a negotiated ``timeout``, ten
    /// times that if it is longer, at most ten minutes.
    public var patience = Duration.seconds(20)

    /// Creates the default settings.
    public init() {}

    var terms: TFTPTerms {
        var terms = TFTPTerms()
        terms.blockSize = blockSize
        terms.windowSize = windowSize
        terms.timeout = timeout.map { .seconds($0) }
        return terms
    }
}

/// The progress of a client's transfer.
public struct TransferProgress: Sendable, Hashable {
    /// The counters of the transfer.
    public let statistics: TransferStatistics
    /// The size of the whole file in bytes, if known.
    public let total: Int?
    /// The negotiated block size in bytes, and the negotiated window size in blocks.
    public let blockSize, windowSize: Int
}

/// One transfer of a client.
///
/// ``get(_:from:into:_:on:ended:)`` and ``put(_:size:to:as:_:on:ended:)`` start it. Use it on its loop's thread;
/// `ended` is called there, exactly once. The transfer keeps itself alive until then.
public final class TFTPClient {
    /// How long the last acknowledgement remains available to the server after a lossy transfer.
    private static let linger = Duration.seconds(1)

    private let session: TransferSession
    private let total: Int?
    private var ended: ((TransferFailure?) -> Void)?
    /// When the file was complete, on the loop's clock; `nil` before that.
    public private(set) var completion: MonotonicTime?

    private init(_ session: TransferSession, total: Int?, ended: @escaping (TransferFailure?) -> Void) {
        (self.session, self.total, self.ended) = (session, total, ended)
        session.stateChanged = { [unowned self] in stateChanged($0.machine.state) }
    }

    /// Starts to download a file.
    ///
    /// - Parameters:
    ///   - name: the name of the file on the server.
    ///   - server: the address to which the request is sent; the standard port is 69.
    ///   - sink: where the bytes are written, on the loop's workers. It is committed or discarded.
    ///   - settings: the options of the transfer.
    ///   - loop: the loop that runs the transfer.
    ///   - ended: called once, with `nil` when the file is complete, or with the reason for the failure. If packets
    ///     were lost, a success is reported one second later, because the server may still need the last
    ///     acknowledgement.
    /// - Returns: The transfer.
    /// - Throws: ``SocketError`` if no socket can be opened. `ended` is not called then, and the caller discards the
    ///   sink.
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

    /// Starts to upload a file.
    ///
    /// - Parameters:
    ///   - source: where the bytes are read, on the loop's workers. It is closed when the transfer has ended.
    ///   - size: the size of the file in bytes; `nil` if unknown.
    ///   - server: the address to which the request is sent; the standard port is 69.
    ///   - name: the name of the file on the server.
    ///   - settings: the options of the transfer.
    ///   - loop: the loop that runs the transfer.
    ///   - ended: called once, with `nil` when the server has acknowledged the whole file, or with the reason for the
    ///     failure.
    /// - Returns: The transfer.
    /// - Throws: ``SocketError`` if no socket can be opened. `ended` is not called then, and the caller closes the
    ///   source.
    public static func put(
        _ source: any TransferSource, size: Int?, to server: SocketAddress, as name: [UInt8],
        _ settings: TFTPSettings = TFTPSettings(), on loop: EventLoop, ended: @escaping (TransferFailure?) -> Void
    ) throws(SocketError) -> TFTPClient {
        // The length of netascii text on the wire differs from the size of the file.
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

    /// The progress of the transfer so far.
    public var progress: TransferProgress {
        let machine = session.machine
        return TransferProgress(
            statistics: machine.statistics, total: machine.terms.transferSize ?? total,
            blockSize: machine.terms.blockSize, windowSize: machine.terms.windowSize)
    }

    /// Ends the transfer and sends the server an error. Does nothing if the transfer has ended.
    public func cancel() { session.cancel(TFTPError(.undefined, "the user cancelled the transfer")) }

    private func stateChanged(_ state: TransferState) {
        if completion == nil && (state == .finished || state == .lingering) { completion = session.loop.now }
        switch state {
        case .finished: notify(nil)
        case .failed(.silent(let time)):
            // A failing send explains the silence.
            if let error = session.sendError {
                notify(.unsent("\(TransferFailure.silent(time)); \(error)"))
            } else {
                notify(.silent(time))
            }
        case .failed(let failure): notify(failure)
        default: break
        }
    }

    /// The socket is closed: the transfer is over, or the loop ended first.
    private func sessionEnded() {
        notify(completion == nil ? .local(TFTPError(.undefined, "the transfer ended before it was complete")) : nil)
    }

    private func notify(_ failure: TransferFailure?) {
        ended.take()?(failure)
    }
}
