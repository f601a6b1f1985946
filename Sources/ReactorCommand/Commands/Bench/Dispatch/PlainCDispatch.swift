// The yardstick: the same work in plain C, with the same system calls.

import CDispatchBench
import Reactor
import SystemPackage

/// A loop in C that watches the read ends of pairs.
@safe final class PlainCDispatch: DispatchLoop {
    /// The system calls that it uses.
    enum Method: Hashable, Sendable {
        case epollLevelTriggered, epollEdgeTriggered, poll, select

        fileprivate var value: cdispatch_method {
            switch self {
            case .epollLevelTriggered: cdispatch_epoll_lt
            case .epollEdgeTriggered: cdispatch_epoll_et
            case .poll: cdispatch_poll
            case .select: cdispatch_select
            }
        }

        /// The name of the framework's back end with the same calls.
        var reactorName: String {
            switch self {
            case .epollLevelTriggered: "epoll-lt"
            case .epollEdgeTriggered: "epoll-et"
            case .poll: "poll"
            case .select: "select"
            }
        }
    }

    /// Keeps the descriptors open.
    private let pairs: DispatchPairs
    // Safe: copies of the pairs' arrays that live as long as the C loop, which is destroyed first; only it has them.
    private let readers: UnsafeMutableBufferPointer<Int32>
    private let writers: UnsafeMutableBufferPointer<Int32>
    // Safe: created in `init`, destroyed in `deinit`, used in between only.
    private let loop: OpaquePointer

    /// - Throws: ``CommandFailure`` without memory or descriptors.
    init(_ method: Method, _ pairs: DispatchPairs) throws {
        self.pairs = pairs
        // Safe: freed in `deinit`.
        let readers = UnsafeMutableBufferPointer<Int32>.allocate(capacity: pairs.count)
        let writers = UnsafeMutableBufferPointer<Int32>.allocate(capacity: pairs.count)
        _ = unsafe readers.initialize(from: pairs.readers)
        _ = unsafe writers.initialize(from: pairs.writers)
        // Safe: both hold `count` elements and outlive the loop.
        guard
            let made = unsafe cdispatch_create(
                method.value, Int32(pairs.count), readers.baseAddress, writers.baseAddress)
        else {
            unsafe readers.deallocate()
            unsafe writers.deallocate()
            throw CommandFailure("cannot create the C loop of \(method.reactorName): no memory or no descriptor")
        }
        unsafe self.readers = readers
        unsafe self.writers = writers
        unsafe loop = made
    }

    deinit {
        // Safe: nothing uses the loop or its arrays after this.
        unsafe cdispatch_destroy(loop)
        unsafe readers.deallocate()
        unsafe writers.deallocate()
    }

    func iterate(active: Int, writes: Int) throws -> DispatchIteration {
        var result = cdispatch_result()
        // Safe: the loop lives as long as this object, and the call fills the local result.
        let status = unsafe cdispatch_iterate(loop, Int32(active), Int32(writes), &result)
        if status < 0 { throw CommandFailure("the C loop failed: \(Errno(rawValue: CInt(-status)).namedDescription)") }
        return DispatchIteration(
            loopNanoseconds: result.loop_nanoseconds, totalNanoseconds: result.total_nanoseconds,
            events: Int(result.events), turns: Int(result.turns))
    }
}
