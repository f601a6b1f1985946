// Connects a connection to the chat: passes lines in both directions and drops members that read too slowly. The chat
// interprets the lines.
//
//     keeping up --a write returns pressure--> behind --drained--> keeping up
//                                                +---- still behind after patience, or over the hard limit --> dropped

package import Reactor

/// The handler of a member's connection.
package final class ChatSession: MessageHandler, ChatPeer {
    private let chat: ChatServer
    private var connection: Connection?
    private var member: ChatMember?
    /// The timer that runs while the member's output is above its high watermark.
    private var patience: LoopTimer?

    /// Creates the handler of a new connection.
    package init(_ chat: ChatServer) { self.chat = chat }

    /// Returns the framing of the protocol: lines of bounded length.
    package static func framing(_ limits: ChatLimits) -> LineFraming { LineFraming(maximum: limits.lineBytes) }

    /// Adds a member to the chat.
    package func connected(_ connection: Connection) {
        self.connection = connection
        if chat.settleLater == nil {
            chat.settleLater = { [unowned chat, unowned loop = connection.loop] time in
                loop.schedule(after: time) { [weak chat, unowned loop] in chat?.settle(at: loop.now) }
            }
        }
        member = chat.connect(self)
    }

    /// Passes a line to the chat, without telnet commands.
    package func received(message: RawSpan, on connection: Connection) {
        guard let member else { return }
        var line = Array(message)
        if line.contains(TelnetFilter.interpret) {
            let (text, reply) = TelnetFilter.strip(line)
            line = text
            if !reply.isEmpty { send(reply) }
        }
        chat.receive(line, from: member, at: connection.loop.now)
    }

    /// Reports why the connection ends, and removes the member at once.
    package func refused(_ connection: Connection, error: FramingError) {
        switch error.kind {
        case .tooLong: send(ChatLine.refusal("a line has at most \(chat.limits.lineBytes) bytes; goodbye"))
        // An incomplete line may be the beginning of a command whose sender died.
        default: send(ChatLine.refusal("your last line was incomplete and was not sent; goodbye"))
        }
        if let member { chat.disconnect(member, .brokenLine, at: connection.loop.now) }
    }

    /// Stops the timer: the member has caught up.
    package func drained(_ connection: Connection) {
        if let patience { connection.loop.cancel(patience) }
        patience = nil
    }

    /// Shuts the chat down: the first session to be drained says goodbye to all members.
    package func draining(_ connection: Connection) {
        chat.shutdown()
        connection.close()
    }

    /// Removes the member, if it is still in the chat.
    package func closed(_ connection: Connection, reason: CloseReason) {
        drained(connection)
        if let member { chat.disconnect(member, Self.parting(reason), at: connection.loop.now) }
        self.connection = nil
        member = nil
    }

    private static func parting(_ reason: CloseReason) -> ChatParting {
        switch reason.kind {
        case .writeStalled, .outputLimit: .tooSlow
        case .idle, .messageTimeout: .idle
        case .failed: .lost
        default: .left
        }
    }

    // MARK: Calls of the chat

    func send(_ bytes: [UInt8]) {
        guard let connection, connection.write(bytes) == .pressure, patience == nil else { return }
        patience = connection.loop.schedule(after: chat.limits.patience) { [weak self] in self?.drop() }
    }

    func close() { connection?.close() }

    var limitKey: UInt64? {
        guard let peer = connection?.peer, !peer.isLoopback else { return nil }
        return peer.limitKey
    }

    /// Drops a member without a farewell, which would only queue behind the unread output.
    private func drop() {
        patience = nil
        guard let connection, let member, connection.isOpen else { return }
        chat.disconnect(member, .tooSlow, at: connection.loop.now)
        connection.abort()
    }
}
