// A transfer that receives a file. The loop's workers write the bytes, and acknowledgements stop while too much of the
// file waits for the disk. The last block is acknowledged when the file is complete under its final name.
//
//     a piece has arrived --offload--> written --> the next piece
//     the end has arrived --offload--> written --offload--> committed --> confirmed to the machine

import Reactor
import ServedFiles

/// The session of a file that the peer sends.
final class ReceivingSession: TransferSession {
    /// The fewest bytes per write, except at the end of the file.
    private static let pieceSize = 64 * 1024
    /// The bytes waiting for the disk at which acknowledgements stop.
    private static let mostWaiting = 512 * 1024

    private enum Work { case writing, committing }

    private let receiver: TFTPReceiver
    private let sink: any TransferSink
    private let mode: TFTPMode
    private var decoder = NetASCIIDecoder()
    private var work: Work?
    /// Whether the last bytes were taken from the machine.
    private var hasAll = false
    private var isCommitted = false
    private var isOver = false

    init(
        _ sink: any TransferSink, _ mode: TFTPMode, _ receiver: TFTPReceiver, with peer: SocketAddress, knowsPort: Bool,
        on loop: EventLoop, ended: @escaping (TransferSession) -> Void
    ) {
        (self.sink, self.mode, self.receiver) = (sink, mode, receiver)
        super.init(receiver, with: peer, knowsPort: knowsPort, on: loop, ended: ended)
    }

    override func moveBytes() {
        let isComplete = receiver.state == .completing
        if work == nil && !isCommitted && !receiver.state.isOver {
            if isComplete && hasAll {
                perform(.committing) { [sink] in try sink.commit() }
            } else if isComplete || receiver.arrivedCount >= Self.pieceSize {
                let bytes = takeBytes(isLast: isComplete)
                hasAll = isComplete
                perform(.writing) { [sink] in try sink.write(bytes) }
            }
        }
        receiver.acknowledges = receiver.arrivedCount < Self.mostWaiting
    }

    /// Returns the bytes that have arrived, decoded for the file.
    private func takeBytes(isLast: Bool) -> [UInt8] {
        let bytes = receiver.takeArrived()
        guard mode == .netascii else { return bytes }
        return decoder.decode(bytes) + (isLast ? decoder.finish() : [])
    }

    private func perform(_ work: Work, _ action: @escaping @Sendable () throws -> Void) {
        self.work = work
        do throws(OffloadError) {
            try loop.offload(action) { result in self.hasDone(work, result) }
        } catch {
            self.work = nil
            receiver.failLocally(.busy)
        }
    }

    private func hasDone(_ work: Work, _ result: Result<Void, any Error>) {
        if case .failure(let error) = result, error as? OffloadError == .abandoned { return }  // still in use
        self.work = nil
        if work == .committing, case .success = result { isCommitted = true }
        if isOver { return discardUnlessCommitted() }
        update {
            switch result {
            case .success where isCommitted: receiver.confirm(at: loop.now)
            case .success: break
            case .failure(let error): receiver.failLocally(TFTPError(cause: error))
            }
        }
    }

    override func closeFile() {
        isOver = true
        if work == nil { discardUnlessCommitted() }
    }

    private func discardUnlessCommitted() {
        if !isCommitted { sink.discard() }
    }
}

extension TFTPError {
    /// The error of a server that has no capacity for a transfer, and the fallback for unknown errors.
    static let busy = TFTPError(.undefined, "too busy; try again later")

    /// Converts the error of reading or writing a file.
    init(cause: any Error) {
        self = (cause as? FileAccessError).map { TFTPError($0) } ?? .busy
    }
}
