// The chat: its members, its rooms, and the handling of lines. It is independent of sockets and clocks: lines and the
// time are passed in, lines go out to peers. Events of other servers are handled in ChatServer+Backplane.swift.
//
//     connected, nameless --an unused name--> in the lobby --/join, /leave--> in another room
//          |                                       |                              |
//          +-------- /quit, lost, idle, too slow, flooding -----------------------+--> gone

internal import Reactor

/// A chat server, independent of its connections.
///
/// Confined to its loop's thread. ``ChatSession`` connects it to the network.
package final class ChatServer {
    /// Counters since the start.
    package struct Statistics: Sendable {
        /// Lines said in rooms, on this server and on others.
        package internal(set) var said = 0
        /// Copies of lines sent to members.
        package internal(set) var delivered = 0
        /// Members dropped because they read too slowly.
        package internal(set) var droppedAsSlow = 0
        /// Members dropped because they sent too many lines.
        package internal(set) var droppedAsFlood = 0
        /// Joins, leaves and renames that were summarized, because there were too many at once.
        package internal(set) var countedChanges = 0
        /// Names refused because their address let in too many members.
        package internal(set) var refusedEntries = 0
    }

    /// The name of this server among several: its members are shown elsewhere as `anna@name`.
    package let name: String
    let limits: ChatLimits
    /// Counters since the start.
    package internal(set) var statistics = Statistics()

    var rooms: [ChatName: ChatRoom] = [:]
    var members: [ChatName: ChatMember] = [:]
    let remote = RemoteMembers()
    /// The connection to the other servers; `nil` without any.
    weak var backplane: (any ChatBackplane)?
    private var isEnding = false
    private let lobby: ChatRoom
    private var entrances: ChatEntrances
    /// Schedules a call of ``settle(at:)``, because the chat has no clock.
    var settleLater: ((Duration) -> Void)?
    var isSettling = false

    /// Creates a chat without members.
    ///
    /// - Parameters:
    ///   - name: the name of this server; must satisfy ``isName(_:)``.
    ///   - limits: the limits of the chat.
    package init(name: String = "chat", limits: ChatLimits = ChatLimits()) {
        precondition(Self.isName(name), "a server's name has 1 to 16 lower-case letters, digits or '-'")
        self.name = name
        self.limits = limits
        entrances = ChatEntrances(limits)
        do throws(ChatRefusal) {
            lobby = ChatRoom(try ChatName("lobby"), limits)
        } catch {
            preconditionFailure("'lobby' must be a valid name")
        }
        rooms[lobby.name] = lobby
    }

    /// Returns whether a text is a valid server name: 1 to 16 lower-case letters, digits and `-`.
    package static func isName(_ text: String) -> Bool {
        1...16 ~= text.utf8.count
            && text.unicodeScalars.allSatisfy { "a"..."z" ~= $0 || "0"..."9" ~= $0 || $0 == "-" }
    }

    /// The number of members with a name.
    package var memberCount: Int { members.count }

    // MARK: Entering and leaving

    /// Adds the member of a new connection.
    func connect(_ peer: any ChatPeer) -> ChatMember {
        peer.send(ChatLine.notice("this is the chat server \(name); enter your name to join, /help for help"))
        return ChatMember(peer, limits)
    }

    /// Removes a member that has gone or is about to. A second call does nothing.
    func disconnect(_ member: ChatMember, _ parting: ChatParting, at now: MonotonicTime) {
        guard !member.isGone else { return }
        member.isGone = true
        if parting == .tooSlow { statistics.droppedAsSlow += 1 }
        if parting == .flooding { statistics.droppedAsFlood += 1 }
        guard let name = member.name, let room = member.room else { return }
        members[name] = nil
        leave(room, member, name, parting, at: now)
    }

    /// Says goodbye to all members; the owner of the connections closes them afterwards.
    package func shutdown() {
        guard !isEnding else { return }
        isEnding = true
        let farewell = ChatLine.notice("this server is closing; goodbye")
        for member in members.values { member.peer.send(farewell) }
        backplane?.publish(.gone)
    }

    // MARK: Lines

    /// Handles a line of a member.
    func receive(_ line: [UInt8], from member: ChatMember, at now: MonotonicTime) {
        guard !member.isGone, isWithinAllowance(member, now) else { return }
        do throws(ChatRefusal) {
            let text = try ChatText.decode(line)
            if text.allSatisfy({ $0 == " " }) { return }
            if let name = member.name, let room = member.room {
                try perform(try ChatCommand(text), member, name, room, now)
            } else {
                try introduce(member, text, now)
            }
        } catch {
            member.peer.send(ChatLine.refusal(error.description))
        }
    }

    /// Counts a line; a member with excess lines is warned, and finally dropped. A line within the allowance offsets
    /// one beyond it, so that a sustained rate of more than twice the allowance ends in a drop, too.
    private func isWithinAllowance(_ member: ChatMember, _ now: MonotonicTime) -> Bool {
        if member.allowance.take(at: now) {
            member.excess = max(0, member.excess - 1)
            return true
        }
        member.excess += 1
        if member.excess == 1 {
            member.peer.send(ChatLine.refusal("slow down: your lines are being discarded"))
        } else if member.excess > limits.excess {
            member.peer.send(ChatLine.refusal("you sent too many lines and are dropped"))
            member.peer.close()
            disconnect(member, .flooding, at: now)
        }
        return false
    }

    /// Handles a line of a member without a name.
    private func introduce(_ member: ChatMember, _ text: String, _ now: MonotonicTime) throws(ChatRefusal) {
        let wanted: String
        switch try ChatCommand(text) {
        case .nick(let name): wanted = name
        case .say(let words): wanted = String(words.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        case .help: return help(member)
        case .quit: return quit(member, now)
        default: throw ChatRefusal("enter your name first")
        }
        let name = try freeName(wanted, for: member)
        if lobby.members.count >= limits.membersPerRoom { throw ChatRefusal("the lobby is full; try again later") }
        if let address = member.peer.limitKey, !entrances.admit(address, at: now) {
            statistics.refusedEntries += 1
            throw ChatRefusal("too many members join from your address; wait a moment and enter your name again")
        }
        member.name = name
        members[name] = member
        member.peer.send(ChatLine.notice("welcome, \(name)"))
        enter(lobby, member, name, now)
    }

    private func perform(
        _ command: ChatCommand, _ member: ChatMember, _ name: ChatName, _ room: ChatRoom, _ now: MonotonicTime
    ) throws(ChatRefusal) {
        switch command {
        case .say(let text): say(text, member, name, room)
        case .nick(let wanted): try rename(member, name, room, to: wanted, now)
        case .join(let wanted): try move(member, name, from: room, to: try ChatName(wanted), now)
        case .leave: try move(member, name, from: room, to: lobby.name, now)
        case .message(let to, let text): try whisper(text, member, name, to: to)
        case .who: who(member, room)
        case .rooms: listRooms(member)
        case .help: help(member)
        case .quit: quit(member, now)
        }
    }

    // MARK: Commands

    private func say(_ text: String, _ member: ChatMember, _ name: ChatName, _ room: ChatRoom) {
        deliver(ChatLine.said(by: name.description, text), in: room, except: member)
        backplane?.publish(.said(room: room.name, by: name, text: text))
    }

    /// Delivers a line said in a room: the same bytes to every recipient and to the history.
    func deliver(_ line: [UInt8], in room: ChatRoom, except sender: ChatMember? = nil) {
        statistics.said += 1
        statistics.delivered += room.send(line, except: sender)
        room.remember(line)
    }

    private func rename(
        _ member: ChatMember, _ old: ChatName, _ room: ChatRoom, to wanted: String, _ now: MonotonicTime
    ) throws(ChatRefusal) {
        let new = try freeName(wanted, for: member)
        members[old] = nil
        members[new] = member
        member.name = new
        announce(.renamed, "\(old) is now called \(new)", in: room, at: now)
        backplane?.publish(.renamed(room: room.name, from: old, to: new))
    }

    private func move(
        _ member: ChatMember, _ name: ChatName, from room: ChatRoom, to wanted: ChatName, _ now: MonotonicTime
    ) throws(ChatRefusal) {
        if wanted == room.name { throw ChatRefusal("you are already in \(room.name)") }
        let next = try findRoom(wanted)
        leave(room, member, name, .left, at: now)
        enter(next, member, name, now)
    }

    /// Returns the room of a name if it has room, creating it if necessary.
    private func findRoom(_ name: ChatName) throws(ChatRefusal) -> ChatRoom {
        if let room = rooms[name] {
            if room.members.count >= limits.membersPerRoom { throw ChatRefusal("\(room.name) is full") }
            return room
        }
        if rooms.count >= limits.rooms { throw ChatRefusal("the limit of \(rooms.count) rooms is reached") }
        let room = ChatRoom(name, limits)
        rooms[name] = room
        return room
    }

    private func whisper(_ text: String, _ member: ChatMember, _ name: ChatName, to wanted: String)
        throws(ChatRefusal)
    {
        let parts = wanted.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let receiver = try ChatName(parts[0])
        if parts.count == 2, parts[1] != self.name {
            let server = String(parts[1])
            guard let backplane, remote.room(of: receiver, at: server) != nil else {
                throw ChatRefusal("no member is called \(receiver)@\(ChatServer.isName(server) ? server : "?")")
            }
            backplane.publish(.whispered(to: receiver, at: server, by: name, text: text))
            return
        }
        guard let other = members[receiver] else { throw ChatRefusal("no member is called \(receiver)") }
        other.peer.send(ChatLine.whispered(by: name.description, text))
    }

    private func who(_ member: ChatMember, _ room: ChatRoom) {
        let names = room.members.lazy.compactMap(\.name?.description) + remote.names(in: room.name)
        member.peer.send(ChatLine.notice("\(names.count) in \(room.name): \(ChatLine.list(names.sorted()))"))
    }

    private func listRooms(_ member: ChatMember) {
        var counts = remote.countByRoom()
        for room in rooms.values { counts[room.name, default: 0] += room.members.count }
        let rooms = counts.map { "\($0.key) (\($0.value))" }.sorted()
        member.peer.send(ChatLine.notice("rooms: \(ChatLine.list(rooms))"))
    }

    private func help(_ member: ChatMember) {
        for line in ChatCommand.helpLines { member.peer.send(ChatLine.notice(line)) }
    }

    private func quit(_ member: ChatMember, _ now: MonotonicTime) {
        member.peer.send(ChatLine.notice("goodbye"))
        member.peer.close()
        disconnect(member, .left, at: now)
    }

    // MARK: Names and rooms

    /// Returns a name, unless another member of this server has it.
    private func freeName(_ text: String, for member: ChatMember) throws(ChatRefusal) -> ChatName {
        let name = try ChatName(text)
        if let other = members[name], other !== member { throw ChatRefusal("the name \(name) is taken") }
        return name
    }

    private func enter(_ room: ChatRoom, _ member: ChatMember, _ name: ChatName, _ now: MonotonicTime) {
        announce(.joined, "\(name) joined \(room.name)", in: room, at: now)
        room.add(member)
        let others = room.members.count - 1 + remote.count(in: room.name)
        let lines = room.history
        member.peer.send(ChatLine.notice("you are in \(room.name), with \(others) others"))
        if !lines.isEmpty {
            member.peer.send(ChatLine.notice("the last \(lines.count) lines:"))
            member.peer.send(Array(lines.joined()))
        }
        backplane?.publish(.joined(room: room.name, name))
    }

    private func leave(
        _ room: ChatRoom, _ member: ChatMember, _ name: ChatName, _ parting: ChatParting, at now: MonotonicTime
    ) {
        room.remove(member)
        if isEnding { return }
        announce(.left, "\(name) \(parting.rawValue)", in: room, at: now)
        if room.members.isEmpty && room !== lobby { rooms[room.name] = nil }
        backplane?.publish(.left(room: room.name, name, parting))
    }
}
