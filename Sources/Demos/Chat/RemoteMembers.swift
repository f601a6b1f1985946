// The members of other servers, as announced by these: for /who and for private messages. A server that is silent for a
// while is forgotten with all its members.

internal import Reactor

/// The members of other servers.
final class RemoteMembers {
    private struct Server {
        let name: String
        var rooms: [ChatName: ChatName] = [:]
        var lastHeard: MonotonicTime
    }

    static let maximumServers = 64
    /// The maximum number of members of all other servers together.
    static let maximumMembers = 20_000
    private var memberCount = 0
    private var servers: [UInt64: Server] = [:]

    /// Records a sign of life of a server. Returns `false` if there are too many servers to track it, or if the process
    /// had another server name before, which no correct process changes.
    func hear(_ origin: UInt64, _ name: String, at now: MonotonicTime) -> Bool {
        if let known = servers[origin]?.name, known != name { return false }
        if servers[origin] == nil {
            if servers.count >= Self.maximumServers { return false }
            servers[origin] = Server(name: name, lastHeard: now)
        }
        servers[origin]?.lastHeard = now
        return true
    }

    func put(_ member: ChatName, in room: ChatName, at origin: UInt64) {
        // Without a copy of the entry, which would make the change below copy all members of the server.
        guard let isNew = servers[origin].map({ $0.rooms[member] == nil }) else { return }
        if isNew {
            if memberCount >= Self.maximumMembers { return }
            memberCount += 1
        }
        servers[origin]?.rooms[member] = room
    }

    /// Removes a member from a room, unless it is in another one by now.
    func remove(_ member: ChatName, from room: ChatName, at origin: UInt64) {
        guard servers[origin]?.rooms[member] == room else { return }
        servers[origin]?.rooms[member] = nil
        memberCount -= 1
    }

    /// Forgets a server; returns the number of its members per room.
    @discardableResult
    func forget(_ origin: UInt64) -> [ChatName: Int] {
        guard let server = servers.removeValue(forKey: origin) else { return [:] }
        memberCount -= server.rooms.count
        return server.rooms.values.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    func forgetAll() {
        servers = [:]
        memberCount = 0
    }

    /// Returns the servers that have been silent since a point in time.
    func silent(since moment: MonotonicTime) -> [(origin: UInt64, name: String)] {
        servers.filter { $0.value.lastHeard < moment }.map { ($0.key, $0.value.name) }
    }

    // MARK: Queries

    func room(of member: ChatName, at server: String) -> ChatName? {
        servers.values.lazy.filter { $0.name == server }.compactMap { $0.rooms[member] }.first
    }

    func count(in room: ChatName) -> Int {
        servers.values.reduce(0) { $0 + $1.rooms.values.count { $0 == room } }
    }

    /// Returns the names of the members of a room, as `anna@b`.
    func names(in room: ChatName) -> [String] {
        servers.values.flatMap { server in server.rooms.filter { $0.value == room }.map { "\($0.key)@\(server.name)" } }
    }

    func countByRoom() -> [ChatName: Int] {
        servers.values.reduce(into: [:]) { counts, server in
            for room in server.rooms.values { counts[room, default: 0] += 1 }
        }
    }
}
