// Registering and deregistering sources, and redispatching them.

import SystemPackage

extension EventLoop {
    /// Checks that the loop is alive and that its selector can take a descriptor of this number.
    func checkCapacity(for descriptor: FileDescriptor) throws(SocketError) {
        let subject = "descriptor \(descriptor.rawValue)"
        if isShutDown { throw SocketError(.watch, subject: subject, reason: "the loop has ended") }
        if descriptor.rawValue < 0 { throw SocketError(.watch, subject: subject, errno: .badFileDescriptor) }
        guard let limit = selector.capabilities.descriptorLimit, descriptor.rawValue >= limit else { return }
        throw SocketError(
            .watch, subject: subject,
            reason: "\(backend) takes descriptors below \(limit) only; use epoll, poll or \(Backend.unlimitedSelect)")
    }

    func register(_ source: EventSource, wanting interest: Interest) {
        // The kernel reused the number, so the descriptor that was registered under it has been closed by other code.
        if let former = registry.source(of: source.fd) { loseDescriptor(of: former) }
        registry.add(source, wanting: interest)
    }

    /// Deregisters and ends a source whose descriptor was closed by other code. The number is not touched any more: it
    /// may belong to another file.
    @inline(never)
    func loseDescriptor(of source: EventSource) {
        deregister(source, closesAlone: false)
        source.descriptorLost()
    }

    @inline(__always)
    func setInterest(_ interest: Interest, of source: EventSource) { registry.setInterest(interest, of: source) }

    /// Ends a registration. The source receives no more events, not even one that was found already.
    func deregister(_ source: EventSource, closesAlone: Bool) {
        // A forked child has a duplicate of every socket: closing ours would leave it in the epoll set.
        let alone = closesAlone && kernel.forkCount() == forksAtStart
        registry.remove(source, from: selector, closesAlone: alone)
    }

    /// Redispatches a source in the next turn, even if no selector reports it.
    func redispatch(_ source: EventSource, _ readiness: Readiness) {
        // One entry per source: otherwise an edge in each turn would add an entry to each turn, and every entry reads a
        // full budget.
        if source.readyAgain.isEmpty { readyAgain.append(ReadyEvent(token: source.token, readiness: readiness)) }
        source.readyAgain.formUnion(readiness)
    }

    func treatAsAlwaysReady(_ source: EventSource) {
        // The selector refuses it again at each change of its interest.
        if alwaysReady.contains(where: { $0 === source }) { return }
        alwaysReady.append(source)
        hasAlwaysReady = true
    }
}
