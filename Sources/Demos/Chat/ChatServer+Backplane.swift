// A chat of several servers: what one of them does with what the others tell. Each room is the sum of the servers' rooms of
// that name. A member of another server is called `anna@b`, so that names need be unique on their own server only.

import Reactor

/// The way to the other servers. At most once: what cannot be told now is never told.
protocol ChatBackplane: AnyObject {
    func publish(_ content: ChatEvent.Content)
}

extension ChatServer {
    /// Another server has told something.
    ///
    /// - Returns: Whether the event was of any use: it is not if there are too many servers, or one has this one's name.
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
            announce(.renamed, "\(old)@\(server) is called \(new)@\(server) now", in: rooms[room], at: now)
        case .whispered(let to, at: name, by: let by, text: let text):
            members[to]?.peer.send(ChatLine.whispered(by: "\(by)@\(server)", text))
        case .whispered: break  // for somebody else
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

    /// Says who is here, for servers that have just come.
    func publishMembers() {
        for room in rooms.values {
            let names = room.members.compactMap(\.name)
            for start in stride(from: 0, to: names.count, by: ChatEvent.namesAtOnce) {
                let some = names[start..<min(start + ChatEvent.namesAtOnce, names.count)]
                backplane?.publish(.here(room: room.name, Array(some)))
            }
        }
    }

    /// Forgets servers that were not heard of since a moment.
    func forgetServers(silentSince moment: MonotonicTime, at now: MonotonicTime) {
        for server in remote.silent(since: moment) { forget(server.origin, server.name, at: now) }
    }

    /// The way to the others is there again, or lost. Members are told, once.
    func backplaneChanged(isThere: Bool) {
        if !isThere { remote.forgetAll() }
        let line = ChatLine.notice(
            isThere
                ? "other servers can be reached again"
                : "other servers cannot be reached; this one goes on alone, and they will not see what you write")
        for member in members.values { member.peer.send(line) }
    }

    /// One line a room, not one for each of perhaps a thousand.
    private func forget(_ origin: UInt64, _ server: String, at now: MonotonicTime) {
        for (room, count) in remote.forget(origin) {
            announce(
                .left, counting: count, "\(count) members of \(server) are gone with their server", in: rooms[room],
                at: now)
        }
    }
}
