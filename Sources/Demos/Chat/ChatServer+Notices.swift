// What a room's members read about those who come and go: one line each, or one for many.

import Reactor

extension ChatServer {
    /// Reports a change to those who are in a room, or counts it when there are too many at once.
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

    /// Reports what rooms have counted, as far as they may by now.
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
