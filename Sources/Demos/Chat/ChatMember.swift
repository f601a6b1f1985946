// The members of a chat: one per connection, and the connection as the chat sees it.

internal import Reactor

/// The connection of a member, as far as the chat needs it. Neither call reenters the chat.
protocol ChatPeer: AnyObject {
    /// Queues bytes for the member. A member that reads too slowly is reported to the chat later.
    func send(_ bytes: [UInt8])
    /// Closes the connection after sending queued output.
    func close()
    /// The peer's address as a key for limits; `nil` if it is exempt.
    var limitKey: UInt64? { get }
}

/// Why a member has left, as shown to the others and sent to other servers.
enum ChatParting: String {
    case left = "left"
    case lost = "lost the connection"
    case idle = "was idle for too long"
    case tooSlow = "was dropped: too slow"
    case flooding = "was dropped: flooding"
    case brokenLine = "was dropped: a line that is too long or without its end"
    case shutdown = "left with the server"
}

/// A connected client: nameless at first, then in exactly one room.
final class ChatMember {
    let peer: any ChatPeer
    var name: ChatName?
    var room: ChatRoom?
    /// The position in the room's list of members.
    var index = 0
    var allowance: TokenBucket
    /// The number of lines beyond the allowance, less those within it since.
    var excess = 0
    var isGone = false

    init(_ peer: any ChatPeer, _ limits: ChatLimits) {
        self.peer = peer
        allowance = TokenBucket(perSecond: limits.linesPerSecond, burst: limits.burst)
    }
}
