// The two kinds of measured loops behind one interface.

import CDispatchBench
import Reactor
import SystemPackage

/// The figures of one iteration, in nanoseconds.
struct DispatchIteration: Sendable, Equatable {
    /// From the first turn after the writes to the last event.
    let loopNanoseconds: Int64
    /// The same with the registration of all read ends before it.
    let totalNanoseconds: Int64
    let events: Int
    let turns: Int
}

/// A loop that watches the read ends of pairs.
protocol DispatchLoop: AnyObject {
    /// Registers all read ends again, writes one byte each to `active` pairs, and runs until these bytes and `writes`
    /// further ones, each written to the next pair when one is read, have been read.
    ///
    /// - Throws: ``CommandFailure``, `SocketError`.
    func iterate(active: Int, writes: Int) throws -> DispatchIteration
}

/// Pairs of connected Unix sockets, closed with the object.
final class DispatchPairs {
    fileprivate(set) var readers: [Int32]
    fileprivate(set) var writers: [Int32]

    var count: Int { readers.count }

    /// Opens `count` pairs (socketpair(2)).
    ///
    /// - Throws: ``CommandFailure`` that names the reason, as too few descriptors.
    init(_ count: Int) throws {
        readers = [Int32](repeating: -1, count: count)
        writers = [Int32](repeating: -1, count: count)
        // Safe: both arrays have `count` elements, which the call fills, and are not used otherwise during it.
        let result = unsafe readers.withUnsafeMutableBufferPointer { readers in
            unsafe writers.withUnsafeMutableBufferPointer { writers in
                unsafe cdispatch_open(Int32(count), readers.baseAddress, writers.baseAddress)
            }
        }
        if result < 0 {
            readers = []
            writers = []
            let errno = Errno(rawValue: CInt(-result)).namedDescription
            throw CommandFailure("cannot open \(count.grouped) socket pairs: \(errno); raise 'ulimit -n'")
        }
    }

    deinit {
        // Safe: both arrays hold `count` descriptors of this object.
        unsafe readers.withUnsafeBufferPointer { readers in
            unsafe writers.withUnsafeBufferPointer { writers in
                unsafe cdispatch_close(Int32(readers.count), readers.baseAddress, writers.baseAddress)
            }
        }
    }
}
