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
    /// Bytes of the file when the transfer began, if they are known: as many are sent, and no others.
    private let size: Int?
    private var readCount = 0
    private var isReading = false
    private var isOver = false

    /// - Parameter size: bytes of the file, if that is known; what has no size that can be relied on has 0.
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
        if case .failure(let error) = result, error as? OffloadError == .abandoned { return }  // it is still read
        isReading = false
        if isOver { return source.close() }
        update {
            switch result {
            case .success(let (bytes, isAtEnd)): supply(bytes, isAtEnd: isAtEnd)
            case .failure(let error): sender.failLocally(TFTPError(cause: error))
            }
        }
    }

    /// A file that became shorter would arrive cut off, and pass for a whole one; one that grew is sent as it was announced.
    private func supply(_ bytes: [UInt8], isAtEnd: Bool) {
        readCount += bytes.count
        if let size, isAtEnd {
            let words = "the file became shorter while it was sent: \(readCount) of \(size) bytes are there"
            return sender.failLocally(TFTPError(.undefined, words))
        }
        sender.supply(bytes, isLast: isAtEnd || readCount == size, at: loop.now)
    }

    override func closeFile() {
        isOver = true
        if !isReading { source.close() }
    }
}
