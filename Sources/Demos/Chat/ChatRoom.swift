// A room: its members on this server, and its recent lines.

/// A room. It keeps members and passes lines on; it does not interpret them.
final class ChatRoom {
    let name: ChatName
    /// The announcements of joins, leaves and renames.
    var notices: ChatNotices
    private(set) var members: [ChatMember] = []
    private let historyLimit: Int
    /// The recent lines as a ring: once it is full, the oldest is at `oldest`.
    private var lines: [[UInt8]] = []
    private var oldest = 0

    init(_ name: ChatName, _ limits: ChatLimits) {
        self.name = name
        notices = ChatNotices(limits)
        historyLimit = max(0, limits.history)
    }

    func add(_ member: ChatMember) {
        member.room = self
        member.index = members.count
        members.append(member)
    }

    /// Removes a member in constant time: the last member takes its position.
    func remove(_ member: ChatMember) {
        precondition(member.room === self, "a member of another room")
        let last = members.removeLast()
        if last !== member {
            last.index = member.index
            members[member.index] = last
        }
        member.room = nil
    }

    /// Sends the same bytes to all members but one; returns the number of recipients.
    @discardableResult
    func send(_ line: [UInt8], except one: ChatMember? = nil) -> Int {
        for member in members where member !== one { member.peer.send(line) }
        return members.count - (one?.room === self ? 1 : 0)
    }

    /// Adds a line to the history.
    func remember(_ line: [UInt8]) {
        if lines.count < historyLimit {
            lines.append(line)
        } else if historyLimit > 0 {
            lines[oldest] = line
            oldest = (oldest + 1) % historyLimit
        }
    }

    /// The recent lines, oldest first.
    var history: [[UInt8]] { Array(lines[oldest...] + lines[..<oldest]) }
}
