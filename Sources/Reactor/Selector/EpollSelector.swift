// Readiness by epoll(7), level- and edge-triggered. The kernel keeps the registrations; this file converts interest
// bits.

import SystemPackage

/// A selector that uses epoll(7). The cost of a wait depends on the number of ready descriptors only.
final class EpollSelector: Selector {
    private static let edgeTriggered: UInt32 = 1 << 31  // EPOLLET
    private static let peerClosed = UInt32(Readiness.peerClosed.rawValue)

    let capabilities: SelectorCapabilities
    private let kernel: any SystemCalls
    private let isEdgeTriggered: Bool
    private var epoll: OwnedDescriptor?
    private let fd: FileDescriptor

    init(kernel: any SystemCalls, edgeTriggered: Bool) throws(SocketError) {
        let made = kernel.epollCreate()
        if let errno = made.errno { throw SocketError(.start, subject: "epoll", errno: errno) }
        self.kernel = kernel
        fd = made.descriptor
        epoll = OwnedDescriptor(made.descriptor)
        isEdgeTriggered = edgeTriggered
        capabilities = SelectorCapabilities(
            isEdgeTriggered: edgeTriggered, isConstantTime: true, takesRegularFiles: false,
            forgetsClosedDescriptors: true)
    }

    func change(_ descriptor: FileDescriptor, token: Token, from old: Interest?, to new: Interest?) -> SystemResult {
        guard let new else {
            return kernel.epollControl(fd, .delete, descriptor, events: 0, data: 0)
        }
        // In edge-triggered mode all interests are registered once, and the loop ignores those it does not want:
        // changing an interest costs no system call.
        if isEdgeTriggered && old != nil { return SystemResult(0) }
        return kernel.epollControl(
            fd, old == nil ? .add : .modify, descriptor, events: bits(of: new), data: token.rawValue)
    }

    private func bits(of interest: Interest) -> UInt32 {
        if isEdgeTriggered {
            let everything: Interest = [.readable, .writable, .priority]
            return UInt32(everything.rawValue) | Self.peerClosed | Self.edgeTriggered
        }
        // Only readers need the peer's half-close. Level-triggered, it would wake a paused connection indefinitely.
        return UInt32(interest.rawValue) | (interest.contains(.readable) ? Self.peerClosed : 0)
    }

    func wait(into ready: ReadyList, timeout: WaitTimeout) -> SystemResult {
        ready.fill { kernel.epollWait(fd, into: &$0, timeout: timeout) }
    }

    func close() { epoll.take()?.close(kernel) }
}
