// One connect of the backlog experiment: its state, and the descriptors of both ends.

internal import Reactor
internal import SystemPackage

/// One connect of the experiment.
final class BacklogConnect {
    let number: Int
    let began: MonotonicTime
    var state = BacklogEvent.Kind.began
    var local = SocketAddress.unspecified
    var watch: DescriptorWatch?
    var accepted: OwnedDescriptor?
    private var descriptor: OwnedDescriptor?

    init(_ number: Int, _ descriptor: consuming OwnedDescriptor, began: MonotonicTime) {
        self.number = number
        self.descriptor = consume descriptor
        self.began = began
    }

    var name: FileDescriptor? { descriptor?.fd }

    func stopWatching() {
        watch?.cancel()
        watch = nil
    }

    func close(_ kernel: any SystemCalls) {
        stopWatching()
        descriptor.take()?.close(kernel)
        accepted.take()?.close(kernel)
    }
}

extension BacklogEvent.Kind {
    /// Whether a connect in this state is pending: neither connected nor failed.
    var isWaiting: Bool { self == .began || self == .hanging || self == .turnedAway }
}
