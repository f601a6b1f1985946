// The chat: who is here, in which room, and what becomes of a line. It knows no socket and no clock: lines and the time
// come in, lines go out to peers. What other servers have to do with it is in ChatServer+Backplane.swift.
//
//     connected, nameless --a name that is free--> in the lobby --/join, /leave--> in another room
//          |                                            |                              |
//          +-------- /quit, lost, idle, too slow, flooding ----------------------------+--> gone

import Reactor

/// A chat server, apart from its connections.
///
/// Belongs to its loop's thread. ``ChatSession`` connects it with the network.
public final class ChatServer {
    /// What has happened so far.
    public struct Statistics: Sendable {
        /// Lines said in rooms, here and elsewhere.
        public internal(set) var said = 0
        /// Copies of lines given to members.
        public internal(set) var delivered = 0
        /// Members dropped because they did not read.
        public internal(set) var droppedAsSlow = 0
        /// Members dropped because they wrote too much.
        public internal(set) var droppedAsFlood = 0
        /// Joins, leaves and changes of name that had no line of their own: there were too many at once.
        public internal(set) var countedChanges = 0
        /// Names refused because their address let too many members in.
        public internal(set) var refusedEntries = 0
    }

    /// What this server is called where there are others: members of theirs are shown as `anna@name`.
    public let name: String
    let limits: ChatLimits
    /// What has happened so far.
    public internal(set) var statistics = Statistics()

    var rooms: [ChatName: ChatRoom] = [:]
    var members: [ChatName: ChatMember] = [:]
    let remote = RemoteMembers()
    /// The other servers, if there are any.
    weak var backplane: (any ChatBackplane)?
    private var isEnding = false
    private let lobby: ChatRoom
    private var entrances: ChatEntrances
    /// Calls ``settle(at:)`` after a while: a chat has no clock.
    var settleLater: ((Duration) -> Void)?
    var isSettling = false

    /// A chat without members.
    ///
    /// - Parameters:
    ///   - name: what to call this server, see ``isName(_:)``.
    ///   - limits: what the chat may use up.
    public init(name: String = "chat", limits: ChatLimits = ChatLimits()) {
        precondition(Self.isName(name), "a server's name has 1 to 16 lower-case letters, digits or '-'")
        self.name = name
        self.limits = limits
        entrances = ChatEntrances(limits)
        do throws(ChatRefusal) {
            lobby = ChatRoom(try ChatName("lobby"), limits)
        } catch {
            preconditionFailure("lobby is a name")
        }
        rooms[lobby.name] = lobby
    }

    /// Whether a server may be called so: 1 to 16 lower-case letters, digits and `-`.
    public static func isName(_ text: String) -> Bool {
        1...16 ~= text.utf8.count
            && text.unicodeScalars.allSatisfy { "a"..."z" ~= $0 || "0"..."9" ~= $0 || $0 == "-" }
    }

    /// Members that have a name.
    public var memberCount: Int { members.count }

    // MARK: Coming and going

    /// Somebody is connected.
    func connect(_ peer: any ChatPeer) -> ChatMember {
        peer.send(ChatLine.notice("this is the chat server \(name); write your name to come in, /help for help"))
        return ChatMember(peer, limits)
    }

    /// Somebody is gone, or is to be. Calling it again does nothing.
    func disconnect(_ member: ChatMember, _ parting: ChatParting, at now: MonotonicTime) {
        guard !member.isGone else { return }
        member.isGone = true
        if parting == .tooSlow { statistics.droppedAsSlow += 1 }
        if parting == .flooding { statistics.droppedAsFlood += 1 }
        guard let name = member.name, let room = member.room else { return }
        members[name] = nil
        leave(room, member, name, parting, at: now)
    }

    /// Takes leave of everybody; whoever holds the connections ends them then.
    public func shutdown() {
        guard !isEnding else { return }
        isEnding = true
        let farewell = ChatLine.notice("this server ends; goodbye")
        for member in members.values { member.peer.send(farewell) }
        backplane?.publish(.gone)
    }

    // MARK: Lines

    /// A member has sent a line.
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

    /// Counts a line; who sends too many is warned, and dropped in the end. A line within the allowance makes up for one
    /// beyond it, so that somebody who sends more than twice as many for long is dropped, too.
    private func isWithinAllowance(_ member: ChatMember, _ now: MonotonicTime) -> Bool {
        if member.allowance.take(at: now) {
            member.excess = max(0, member.excess - 1)
            return true
        }
        member.excess += 1
        if member.excess == 1 {
            member.peer.send(ChatLine.refusal("slow down: what you write now is thrown away"))
        } else if member.excess > limits.excess {
            member.peer.send(ChatLine.refusal("you write too much and are dropped"))
            member.peer.close()
            disconnect(member, .flooding, at: now)
        }
        return false
    }

    /// The first lines of somebody who has no name yet.
    private func introduce(_ member: ChatMember, _ text: String, _ now: MonotonicTime) throws(ChatRefusal) {
        let wanted: String
        switch try ChatCommand(text) {
        case .nick(let name): wanted = name
        case .say(let words): wanted = String(words.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        case .help: return help(member)
        case .quit: return quit(member, now)
        default: throw ChatRefusal("write your name first")
        }
        let name = try freeName(wanted, for: member)
        if lobby.members.count >= limits.membersPerRoom { throw ChatRefusal("the lobby is full; try again later") }
        if let address = member.peer.limitKey, !entrances.admit(address, at: now) {
            statistics.refusedEntries += 1
            throw ChatRefusal("too many come in from your address; wait a moment and write your name again")
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

    /// Something said: one array of bytes for everybody, and for those who come later.
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
        announce(.renamed, "\(old) is called \(new) now", in: room, at: now)
        backplane?.publish(.renamed(room: room.name, from: old, to: new))
    }

    private func move(
        _ member: ChatMember, _ name: ChatName, from room: ChatRoom, to wanted: ChatName, _ now: MonotonicTime
    ) throws(ChatRefusal) {
        if wanted == room.name { throw ChatRefusal("you are in \(room.name)") }
        let next = try findRoom(wanted)
        leave(room, member, name, .left, at: now)
        enter(next, member, name, now)
    }

    /// A room that has a place, made if there is none of that name.
    private func findRoom(_ name: ChatName) throws(ChatRefusal) -> ChatRoom {
        if let room = rooms[name] {
            if room.members.count >= limits.membersPerRoom { throw ChatRefusal("\(room.name) is full") }
            return room
        }
        if rooms.count >= limits.rooms { throw ChatRefusal("there are \(rooms.count) rooms, and no more can be made") }
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
                throw ChatRefusal("nobody is called \(receiver)@\(ChatServer.isName(server) ? server : "?") now")
            }
            backplane.publish(.whispered(to: receiver, at: server, by: name, text: text))
            return
        }
        guard let other = members[receiver] else { throw ChatRefusal("nobody is called \(receiver) here") }
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

    /// A name that nobody else has here.
    private func freeName(_ text: String, for member: ChatMember) throws(ChatRefusal) -> ChatName {
        let name = try ChatName(text)
        if let other = members[name], other !== member { throw ChatRefusal("somebody is called \(name) already") }
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
