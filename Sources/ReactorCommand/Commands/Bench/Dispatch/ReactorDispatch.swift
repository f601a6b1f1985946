// The measured loop on the framework: a watch per read end, as a program would have it.

import CDispatchBench
import Reactor
import SystemPackage

/// An event loop that watches the read ends of pairs.
final class ReactorDispatch: DispatchLoop {
    private let pairs: DispatchPairs
    private let loop: EventLoop
    private var watches: [DescriptorWatch] = []
    private var writesLeft = 0
    private var fired = 0
    private var counted = 0

    /// - Throws: `SocketError` when the selector cannot be created.
    init(_ backend: Backend, _ pairs: DispatchPairs) throws {
        self.pairs = pairs
        loop = try EventLoop(backend: backend)
        watches.reserveCapacity(pairs.count)
    }

    deinit { loop.shutdown() }

    func iterate(active: Int, writes: Int) throws -> DispatchIteration {
        let start = LinuxKernel.shared.now()
        for watch in watches { watch.cancel() }
        watches.removeAll(keepingCapacity: true)
        for index in 0..<pairs.count {
            let descriptor = FileDescriptor(rawValue: pairs.readers[index])
            watches.append(try loop.watch(descriptor, for: .readable) { [unowned self] _ in readable(index) })
        }
        writesLeft = 0
        try loop.turn(mayWait: false)
        (fired, counted, writesLeft) = (0, 0, writes)
        let step = pairs.count / active
        for index in 0..<active {
            guard cdispatch_write_byte(pairs.writers[index * step]) == 1 else {
                throw CommandFailure("a socket pair did not take a byte")
            }
            fired += 1
        }
        let middle = LinuxKernel.shared.now()
        var turns = 0
        while counted < fired {
            try loop.turn(mayWait: false)
            turns += 1
        }
        let end = LinuxKernel.shared.now()
        return DispatchIteration(
            loopNanoseconds: end.nanoseconds - middle.nanoseconds,
            totalNanoseconds: end.nanoseconds - start.nanoseconds,
            events: counted, turns: turns)
    }

    private func readable(_ index: Int) {
        let count = cdispatch_read(pairs.readers[index])
        guard count > 0 else { return }
        counted += count
        for _ in 0..<count where writesLeft > 0 {
            let next = index + 1 < pairs.count ? index + 1 : 0
            if cdispatch_write_byte(pairs.writers[next]) == 1 { fired += 1 }
            writesLeft -= 1
        }
    }
}
