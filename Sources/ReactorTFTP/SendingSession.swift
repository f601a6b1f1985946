// A transfer that sends a file. The loop's workers read the bytes, one piece ahead of the blocks that are being sent.
//
//     wantsData --offload--> read --then--> supplied to the machine --> wantsData ...

import Reactor

/// The session of a file that is sent to the peer.
final class SendingSession: TransferSession {
    /// The bytes per read.
    private static let pieceSize = 64 * 1024

    private let sender: TFTPSender
    private let source: any TransferSource
    private let mode: TFTPMode
    /// The size of the file in bytes when the transfer began, if known: exactly as many bytes are sent.
    private let size: Int?
    private var readCount = 0
    private var isReading = false
    private var isOver = false

    /// Creates a session.
    ///
    /// - Parameter size: the size of the file in bytes, if known; 0 for a source without a reliable size.
    init(
        _ source: any TransferSource, size: Int?, _ mode: TFTPMode, _ sender: TFTPSender, with peer: SocketAddress,
        knowsPort: Bool, on loop: EventLoop, ended: @escaping (TransferSession) -> Void
    ) {
        (self.source, self.mode, self.sender) = (source, mode, sender)
        self.size = mode == .octet && size ?? 0 > 0 ? size : nil
        super.init(sender, with: peer, knowsPort: knowsPort, on: loop, ended: ended)
    }

    override func moveBytes() {
        guard sender.wantsData, !isReading else { return }
        isReading = true
        let (source, mode) = (source, mode)
        let count = min(Self.pieceSize, size.map { $0 - readCount } ?? .max)
        do throws(OffloadError) {
            try loop.offload {
                let bytes = try source.read(count)
                return (mode == .netascii ? NetASCIIEncoder().encode(bytes) : bytes, bytes.count < count)
            } then: { result in
                self.hasRead(result)
            }
        } catch {
            isReading = false
            sender.failLocally(.busy)
        }
    }

    private func hasRead(_ result: Result<([UInt8], Bool), any Error>) {
        if case .failure(let error) = result, error as? OffloadError == .abandoned { return }  // still being read
        isReading = false
        if isOver { return source.close() }
        update {
            switch result {
            case .success(let (bytes, isAtEnd)): supply(bytes, isAtEnd: isAtEnd)
            case .failure(let error): sender.failLocally(TFTPError(cause: error))
            }
        }
    }

    /// Passes bytes to the machine. A file that shrank fails the transfer, because the peer would take it for complete;
    /// of one that grew, the announced size is sent.
    private func supply(_ bytes: [UInt8], isAtEnd: Bool) {
        readCount += bytes.count
        if let size, isAtEnd {
            let words = "the file shrank during the transfer: \(readCount) of \(size) bytes were read"
            return sender.failLocally(TFTPError(.undefined, words))
        }
        sender.supply(bytes, isLast: isAtEnd || readCount == size, at: loop.now)
    }

    override func closeFile() {
        isOver = true
        if !isReading { source.close() }
    }
}
