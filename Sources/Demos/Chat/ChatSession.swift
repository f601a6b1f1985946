// Between a connection and the chat: lines in, lines out, and the policy for those who do not read. Here is the network;
// what a line means is the chat's business.
//
//     keeping up --a write says "pressure"--> behind --drained--> keeping up
//                                               +---- still behind after `patience`, or above the hard limit --> dropped

public import Reactor

/// The handler of a member's connection.
public final class ChatSession: MessageHandler, ChatPeer {
    private let chat: ChatServer
    private var connection: Connection?
    private var member: ChatMember?
    /// Runs while the member is behind.
    private var patience: Timer?

    /// A session with a chat.
    public init(_ chat: ChatServer) { self.chat = chat }

    /// The framing that goes with it: lines of bounded length.
    public static func framing(_ limits: ChatLimits) -> LineFraming { LineFraming(maximum: limits.lineBytes) }

    /// Greets.
    public func connected(_ connection: Connection) {
        self.connection = connection
        if chat.settleLater == nil {
            chat.settleLater = { [unowned chat, unowned loop = connection.loop] time in
                loop.schedule(after: time) { [weak chat, unowned loop] in chat?.settle(at: loop.now) }
            }
        }
        member = chat.connect(self)
    }

    /// Gives the line to the chat, without what telnet has added.
    public func received(message: RawSpan, on connection: Connection) {
        guard let member else { return }
        var line = Array(message)
        if line.contains(TelnetFilter.interpret) {
            let (text, answer) = TelnetFilter.strip(line)
            line = text
            if !answer.isEmpty { send(answer) }
        }
        chat.receive(line, from: member, at: connection.loop.now)
    }

    /// Says why the connection ends. The room need not wait until it has.
    public func refused(_ connection: Connection, error: FramingError) {
        switch error.kind {
        case .tooLong: send(ChatLine.refusal("a line has at most \(chat.limits.lineBytes) bytes; goodbye"))
        // Half a line may be half a command of a sender that died.
        default: send(ChatLine.refusal("your last line has no end, so nobody has seen it; goodbye"))
        }
        if let member { chat.disconnect(member, .brokenLine, at: connection.loop.now) }
    }

    /// The member reads again.
    public func drained(_ connection: Connection) {
        if let patience { connection.loop.cancel(patience) }
        patience = nil
    }

    /// The server ends: the first who is told of it says so to all.
    public func draining(_ connection: Connection) {
        chat.shutdown()
        connection.close()
    }

    /// The member is gone, if it is not already.
    public func closed(_ connection: Connection, reason: CloseReason) {
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

    // MARK: What the chat asks for

    func send(_ bytes: [UInt8]) {
        guard let connection, connection.write(bytes) == .pressure, patience == nil else { return }
        patience = connection.loop.schedule(after: chat.limits.patience) { [weak self] in self?.drop() }
    }

    func close() { connection?.close() }

    var limitKey: UInt64? {
        guard let peer = connection?.peer, !peer.isLoopback else { return nil }
        return peer.limitKey
    }

    /// A last word would only wait behind all that was not read.
    private func drop() {
        patience = nil
        guard let connection, let member, connection.isOpen else { return }
        chat.disconnect(member, .tooSlow, at: connection.loop.now)
        connection.abort()
    }
}
