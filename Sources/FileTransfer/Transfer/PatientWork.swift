// Blocking work of a transfer. When the pool's queue is full, the work is retried soon: a transfer in progress can
// wait, and the queue is bounded precisely because many of them run at once.

internal import Reactor
internal import ServedFiles

extension EventLoop {
    private static let pause = Duration.milliseconds(5)

    /// Runs work on the pool, retrying while its queue is full, and calls back on this thread exactly once; never if
    /// the loop ends while the work is running, because the objects that the work uses are still in use then.
    func offloadPatiently<Value: Sendable>(
        _ work: @escaping @Sendable () throws(TransferError) -> Value,
        then: @escaping (Result<Value, TransferError>) -> Void
    ) {
        do throws(OffloadError) {
            try offload({ Result { () throws(TransferError) in try work() } }) { outcome in
                switch outcome {
                case .success(let result): then(result)
                case .failure(let error) where error as? OffloadError == .abandoned: break
                case .failure(let error): then(.failure(TransferError(.failed, "\(error)")))
                }
            }
        } catch {
            if error == .queueFull {
                schedule(after: Self.pause) { self.offloadPatiently(work, then: then) }
            } else {
                then(.failure(TransferError(.failed, "\(error)")))
            }
        }
    }
}

extension TransferError {
    /// Converts the file access errors of a body.
    static func wrap<Value>(_ body: () throws(FileAccessError) -> Value) throws(TransferError) -> Value {
        do throws(FileAccessError) { return try body() } catch { throw TransferError(error) }
    }
}
