// Standard input on the loop: a terminal, a pipe or a file. It is never made non-blocking, which would affect every
// process that shares it; instead it is read only when poll(2) reports that a read will not block.

import Reactor
import SystemPackage

/// A watch on standard input that delivers bytes as they arrive.
final class InputWatch {
    private let loop: EventLoop
    private let received: ([UInt8]) -> Void
    private let ended: () -> Void
    private var watch: DescriptorWatch?
    /// Whether reading is paused, so that input stays in the kernel.
    var isPaused = false {
        didSet { watch?.interest = isPaused ? [] : .readable }
    }

    init(
        on loop: EventLoop, received: @escaping ([UInt8]) -> Void, ended: @escaping () -> Void
    ) throws(SocketError) {
        self.loop = loop
        self.received = received
        self.ended = ended
        watch = try loop.watch(.standardInput, for: .readable) { [unowned self] _ in read() }
    }

    /// Reads once on a level-triggered loop, which reports the rest in the next turn; otherwise until no input is left.
    private func read() {
        while let watch, !isPaused, isReadable {
            var bytes = [UInt8](repeating: 0, count: 4096)
            var span = bytes.mutableSpan
            // Safe: bytes have no padding, and the kernel writes no more than the span holds.
            let result = unsafe loop.kernel.read(watch.descriptor, into: span.mutableBytes)
            if result.wasInterrupted || result.wouldBlock { return }
            guard result.succeeded, result.rawValue > 0 else { return end() }
            received(Array(bytes.prefix(result.rawValue)))
            if !loop.capabilities.isEdgeTriggered { return }
        }
    }

    private var isReadable: Bool {
        let pollIn: Int16 = 1
        var entries = [PollEntry(descriptor: FileDescriptor.standardInput.rawValue, events: pollIn)]
        var span = entries.mutableSpan
        return loop.kernel.poll(&span, timeout: .none).rawValue > 0
    }

    private func end() {
        watch?.cancel()
        watch = nil
        ended()
    }
}
