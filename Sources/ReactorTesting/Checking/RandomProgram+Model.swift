// The reference model: what each side must have received of what the other side sent, and what may end a connection.

import Reactor

extension RandomProgram {
    func violate(_ text: String) {
        if violations.count < 20 { violations.append(text) }
    }

    /// Checks the memory bound of a connection: the hard limit plus what one callback may gather.
    func checkQueue(of connection: Connection, _ number: Int) {
        if servers[number]?.connection === connection && connection.queuedBytes > limits.outputLimit + 65_536 {
            violate("connection \(number): \(connection.queuedBytes) bytes are queued")
        }
    }

    func checkAll(stopped: Bool) {
        for number in servers.keys.sorted() {
            guard let server = servers[number] else { continue }
            if let peer = peers[number] { check(number, server, peer, stopped) }
            if let connector = connectors[number] {
                check(number, from: server, to: connector)
                check(number, from: connector, to: server)
                judge(number, server, peer: connector, stopped)
                judge(number, connector, peer: server, stopped)
            }
        }
    }

    private static func isClean(_ handler: ProgramHandler) -> Bool {
        handler.reason?.kind == .closed || handler.reason?.kind == .ended
    }

    private func check(_ number: Int, _ server: ProgramHandler, _ peer: Peer, _ stopped: Bool) {
        let client = peer.client
        // Safe: the buffer is used only inside the closure, while the array is alive.
        let isRight = unsafe client.received.withUnsafeBytes {
            unsafe StreamPattern.matches(number * 2, from: 0, $0)
        }
        if !isRight { violate("client \(number): wrong bytes") }
        if client.received.count > server.written + server.refused { violate("client \(number): too many bytes") }
        if client.ended && Self.isClean(server) && client.received.count != server.written {
            violate(
                "client \(number): a clean end (\(server.reason!)) after \(client.received.count) of \(server.written)")
        }
        if server.received > peer.written { violate("connection \(number): more was received than sent") }
        if server.ended && server.received != peer.written {
            violate("connection \(number): ended after \(server.received) of \(peer.written)")
        }
        // Every close reason needs a cause.
        guard let reason = server.reason else { return }
        switch reason.kind {
        case .failed where !peer.wasRude && faults.reset == 0 && faults.failingRegistration == 0:
            violate("connection \(number): \(reason) without a cause")
        case .idle, .messageTimeout, .writeStalled: violate("connection \(number): \(reason), but no peer was idle")
        case .loopEnded where !stopped: violate("connection \(number): \(reason), but it was not stopped")
        case .ended where client.wasReset && faults.reset == 0:
            violate("client \(number): reset (\(client.error!)), but the server ended cleanly")
        default: break
        }
    }

    /// Checks why one end of a connection between two of the framework's own sockets may have ended.
    private func judge(_ number: Int, _ handler: ProgramHandler, peer: ProgramHandler, _ stopped: Bool) {
        guard let reason = handler.reason else { return }
        switch reason.kind {
        // Closing with unread input causes a reset.
        case .failed where peer.reason?.kind == .ended && faults.reset == 0 && faults.failingRegistration == 0:
            violate("connection \(number): \(reason) without a cause")
        case .idle, .messageTimeout, .writeStalled: violate("connection \(number): \(reason), but no peer was idle")
        case .loopEnded where !stopped: violate("connection \(number): \(reason), but it was not stopped")
        default: break
        }
    }

    private func check(_ number: Int, from sender: ProgramHandler, to receiver: ProgramHandler) {
        if receiver.received > sender.written + sender.refused {
            violate("connection \(number): more was received than sent")
        }
        if receiver.ended && Self.isClean(sender) && receiver.received != sender.written {
            violate("connection \(number): ended after \(receiver.received) of \(sender.written)")
        }
    }
}
