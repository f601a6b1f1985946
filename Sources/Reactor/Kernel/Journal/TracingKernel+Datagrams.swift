// The trace of datagrams: the first few of each batch, with their addresses.

package import SystemPackage

extension TracingKernel {
    private static let datagramsShown = 4

    /// recvmmsg(2), with the datagrams received.
    package func receiveDatagrams(_ socket: FileDescriptor, into inbox: DatagramInbox) -> SystemResult {
        let result = base.receiveDatagrams(socket, into: inbox)
        let words = shown(result) { index in
            let local = inbox.localAddress(of: index).map { "at \($0.host) " } ?? ""
            return "from \(inbox.address(of: index)) \(local)\(inbox.withBytes(of: index) { datagram($0) })"
        }
        return note("recvmmsg(\(socket.rawValue), at most \(inbox.capacity))", result, words)
    }

    /// sendmmsg(2), with the datagrams sent.
    package func sendDatagrams(_ socket: FileDescriptor, _ outbox: DatagramOutbox) -> SystemResult {
        let result = base.sendDatagrams(socket, outbox)
        let words = shown(result) { index in
            let target = outbox.address(of: index).map { "to \($0) " } ?? ""
            let local = outbox.localAddress(of: index).map { "from \($0.host) " } ?? ""
            return target + local + outbox.withBytes(of: index) { datagram($0) }
        }
        return note("sendmmsg(\(socket.rawValue), \(outbox.count) datagrams)", result, words)
    }

    private func datagram(_ bytes: RawSpan) -> String { "\(bytes.byteCount) bytes\(shown(bytes))" }

    private func shown(_ result: SystemResult, _ words: (Int) -> String) -> String {
        let count = max(0, result.rawValue)
        let first = (0..<min(count, Self.datagramsShown)).map(words).joined(separator: ", ")
        return count > Self.datagramsShown ? first + ", ..." : first
    }

    /// setsockopt(2) for multicast.
    package func setMulticast(
        _ operation: MulticastOperation, _ group: SocketAddress, interface: UInt32, of socket: FileDescriptor
    ) -> SystemResult {
        note(
            "setsockopt(\(socket.rawValue), multicast \(operation) \(group.host), interface \(interface))",
            base.setMulticast(operation, group, interface: interface, of: socket))
    }
}
