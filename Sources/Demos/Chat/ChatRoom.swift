// A room: its members on this server, and the last lines for those who come.

/// A room. It knows who is in it and passes lines on; what a line means is not its business.
final class ChatRoom {
    let name: ChatName
    /// What it reports of those who come and go.
    var notices: ChatNotices
    private(set) var members: [ChatMember] = []
    private let historyLimit: Int
    /// The last lines; once it is full the oldest is at `oldest`.
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

    /// Takes a member out, in constant time: the last one takes its place.
    func remove(_ member: ChatMember) {
        precondition(member.room === self, "a member of another room")
        let last = members.removeLast()
        if last !== member {
            last.index = member.index
            members[member.index] = last
        }
        member.room = nil
    }

    /// Sends everybody the same bytes, but for the one who need not be told. Answers how many got them.
    @discardableResult
    func send(_ line: [UInt8], except one: ChatMember? = nil) -> Int {
        for member in members where member !== one { member.peer.send(line) }
        return members.count - (one?.room === self ? 1 : 0)
    }

    /// Keeps a line for those who come later.
    func remember(_ line: [UInt8]) {
        if lines.count < historyLimit {
            lines.append(line)
        } else if historyLimit > 0 {
            lines[oldest] = line
            oldest = (oldest + 1) % historyLimit
        }
    }

    /// The last lines, the oldest first.
    var history: [[UInt8]] { Array(lines[oldest...] + lines[..<oldest]) }
}
