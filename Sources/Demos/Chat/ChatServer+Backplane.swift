// A chat across several servers: how one of them handles the events of the others. A room comprises the rooms of that
// name on all servers. A member of another server is shown as `anna@b`, so that names are unique per server only.

internal import Reactor

/// The connection to the other servers. Delivery is at most once: events published while it is down are lost.
protocol ChatBackplane: AnyObject {
    func publish(_ content: ChatEvent.Content)
}

extension ChatServer {
    /// Handles an event of another server.
    ///
    /// - Returns: `false` if the event was ignored, because of too many servers or a server with this one's name.
    @discardableResult
    func receive(_ event: ChatEvent, at now: MonotonicTime) -> Bool {
        let (origin, server) = (event.origin, event.server)
        guard server != name, remote.hear(origin, server, at: now) else { return false }
        switch event.content {
        case .said(let room, let by, let text):
            if let room = rooms[room] { deliver(ChatLine.said(by: "\(by)@\(server)", text), in: room) }
        case .joined(let room, let member):
            remote.put(member, in: room, at: origin)
            announce(.joined, "\(member)@\(server) joined \(room)", in: rooms[room], at: now)
        case .left(let room, let member, let parting):
            remote.remove(member, from: room, at: origin)
            announce(.left, "\(member)@\(server) \(parting.rawValue)", in: rooms[room], at: now)
        case .renamed(let room, let old, let new):
            remote.remove(old, from: room, at: origin)
            remote.put(new, in: room, at: origin)
            announce(.renamed, "\(old)@\(server) is now called \(new)@\(server)", in: rooms[room], at: now)
        case .whispered(let to, at: name, by: let by, text: let text):
            members[to]?.peer.send(ChatLine.whispered(by: "\(by)@\(server)", text))
        case .whispered: break  // addressed to another server
        case .hello:
            remote.forget(origin)
            _ = remote.hear(origin, server, at: now)
            publishMembers()
        case .here(let room, let members):
            for member in members { remote.put(member, in: room, at: origin) }
        case .alive: break
        case .gone: forget(origin, server, at: now)
        }
        return true
    }

    /// Publishes the members of this server, for servers that have just connected.
    func publishMembers() {
        for room in rooms.values {
            let names = room.members.compactMap(\.name)
            for start in stride(from: 0, to: names.count, by: ChatEvent.namesAtOnce) {
                let some = names[start..<min(start + ChatEvent.namesAtOnce, names.count)]
                backplane?.publish(.here(room: room.name, Array(some)))
            }
        }
    }

    /// Forgets the servers that have been silent since a point in time.
    func forgetServers(silentSince moment: MonotonicTime, at now: MonotonicTime) {
        for server in remote.silent(since: moment) { forget(server.origin, server.name, at: now) }
    }

    /// Notifies the members, once, that the backplane is available again or lost.
    func backplaneChanged(isThere: Bool) {
        if !isThere { remote.forgetAll() }
        let line = ChatLine.notice(
            isThere
                ? "other servers can be reached again"
                : "other servers cannot be reached; their members will not see what you write")
        for member in members.values { member.peer.send(line) }
    }

    /// Forgets a server, with one line per room rather than one per member.
    private func forget(_ origin: UInt64, _ server: String, at now: MonotonicTime) {
        for (room, count) in remote.forget(origin) {
            announce(
                .left, counting: count, "\(count) members of \(server) are gone with their server", in: rooms[room],
                at: now)
        }
    }
}
