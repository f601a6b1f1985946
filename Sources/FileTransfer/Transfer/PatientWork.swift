// Blocking work for a transfer: when the pool has no room, it is tried again soon, because a transfer that has begun can
// wait, and many of them together are what the pool's queue is bounded for.

import Reactor
import ServedFiles

extension EventLoop {
    private static let pause = Duration.milliseconds(5)

    /// Has work done, however long the pool's queue is, and its outcome told on this thread, exactly once; not at all
    /// when the loop has ended while the work was running, because what it uses is still in use then.
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
    /// Runs what may fail for a file's reasons.
    static func wrap<Value>(_ body: () throws(FileAccessError) -> Value) throws(TransferError) -> Value {
        do throws(FileAccessError) { return try body() } catch { throw TransferError(error) }
    }
}
