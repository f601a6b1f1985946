// Who takes part: one member for each connection, and the connection as the chat sees it.

import Reactor

/// Where a member's lines go. What a chat needs of a connection; neither of the two calls comes back into the chat.
protocol ChatPeer: AnyObject {
    /// Sends bytes, as fast as the member takes them. Who is too slow is told to the chat later.
    func send(_ bytes: [UInt8])
    /// Sends what was given, and ends.
    func close()
    /// The peer's address as limits count it; `nil` where there is no limit.
    var limitKey: UInt64? { get }
}

/// Why a member is gone, as the others read it.
enum ChatParting: String {
    case left = "left"
    case lost = "lost the connection"
    case idle = "was idle for too long"
    case tooSlow = "was dropped: too slow"
    case flooding = "was dropped: flooding"
    case brokenLine = "was dropped: a line that is too long or without its end"
    case shutdown = "left with the server"
}

/// One who is connected: without a name at first, then in exactly one room.
final class ChatMember {
    let peer: any ChatPeer
    var name: ChatName?
    var room: ChatRoom?
    /// Where it stands in its room.
    var index = 0
    var allowance: TokenBucket
    /// Lines beyond the allowance, less those within it since.
    var excess = 0
    var isGone = false

    init(_ peer: any ChatPeer, _ limits: ChatLimits) {
        self.peer = peer
        allowance = TokenBucket(perSecond: limits.linesPerSecond, burst: limits.burst)
    }
}
