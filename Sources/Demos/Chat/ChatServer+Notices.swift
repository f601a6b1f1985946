// The announcements of joins, leaves and renames to the members of a room: one line each, or one line for many.

internal import Reactor

extension ChatServer {
    /// Announces a change to the members of a room, or counts it if there are too many at once.
    func announce(
        _ change: ChatChange, counting count: Int = 1, _ text: String, in room: ChatRoom?, at now: MonotonicTime
    ) {
        guard let room else { return }
        if let summary = room.notices.summary(of: room.name, at: now) { room.send(ChatLine.notice(summary)) }
        if room.notices.admit(change, count, at: now) {
            room.send(ChatLine.notice(text))
        } else {
            statistics.countedChanges += count
            settleSoon()
        }
    }

    /// Announces the counted changes of all rooms, as far as the rate permits.
    func settle(at now: MonotonicTime) {
        isSettling = false
        for room in rooms.values {
            if let summary = room.notices.summary(of: room.name, at: now) { room.send(ChatLine.notice(summary)) }
            if room.notices.isBehind { settleSoon() }
        }
    }

    private func settleSoon() {
        if isSettling { return }
        isSettling = true
        settleLater?(.seconds(1))
    }
}
