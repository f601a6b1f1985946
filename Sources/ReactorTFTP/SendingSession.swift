// A transfer that sends a file: its bytes are read by the loop's workers, a piece ahead of what is being sent.
//
//     wantsData --offload--> read --then--> supplied to the machine --> wantsData ...

import Reactor

/// Sends a file to the other side.
final class SendingSession: TransferSession {
    /// Bytes that are read at once.
    private static let pieceSize = 64 * 1024

    private let sender: TFTPSender
    private let source: any TransferSource
    private let mode: TFTPMode
    private var isReading = false
    private var isOver = false

    init(
        _ source: any TransferSource, _ mode: TFTPMode, _ sender: TFTPSender, with peer: SocketAddress, knowsPort: Bool,
        on loop: EventLoop, ended: @escaping (TransferSession) -> Void
    ) {
        (self.source, self.mode, self.sender) = (source, mode, sender)
        super.init(sender, with: peer, knowsPort: knowsPort, on: loop, ended: ended)
    }

    override func moveBytes() {
        guard sender.wantsData, !isReading else { return }
        isReading = true
        let (source, mode) = (source, mode)
        do throws(OffloadError) {
            try loop.offload {
                let bytes = try source.read(Self.pieceSize)
                let isLast = bytes.count < Self.pieceSize
                return (mode == .netascii ? NetASCIIEncoder().encode(bytes) : bytes, isLast)
            } then: { result in
                self.hasRead(result)
            }
        } catch {
            isReading = false
            sender.fail(.busy)
        }
    }

    private func hasRead(_ result: Result<([UInt8], Bool), any Error>) {
        if case .failure(let error) = result, error as? OffloadError == .abandoned { return }  // it is still read
        isReading = false
        if isOver { return source.close() }
        update {
            switch result {
            case .success(let (bytes, isLast)): sender.supply(bytes, isLast: isLast, at: loop.now)
            case .failure(let error): sender.fail(TFTPError(cause: error))
            }
        }
    }

    override func closeFile() {
        isOver = true
        if !isReading { source.close() }
    }
}
