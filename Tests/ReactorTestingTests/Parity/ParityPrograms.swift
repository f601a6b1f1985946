// The programs that run in both worlds. Each waits for what it needs before it goes on, so that what it sees does not
// hang on timing; where two things must have happened before the loop looks, it lets them arrive first.

import Glibc
import Reactor
import SystemPackage

/// A small program, its name, and how its first connection is to end.
struct ParityProgram: Sendable, CustomStringConvertible {
    let description: String
    let reason: CloseReason.Kind?
    let body: @Sendable (any ParityWorld) throws -> Void

    init(_ name: String, ends reason: CloseReason.Kind?, _ body: @escaping @Sendable (any ParityWorld) throws -> Void) {
        description = name
        self.reason = reason
        self.body = body
    }

    static let all = orderly + closedHere + resets + flow + files
    private static let readable = Int16(POLLIN)

    private static let orderly = [
        ParityProgram("echo of several messages", ends: .ended) { world in
            let (client, server) = try world.accepted { $0.onReceived = { $1.write($0) } }
            var all = ""
            for word in ["one ", "two ", "", String(repeating: "three ", count: 5000)] {
                all += word
                client.write(word)
                try world.run { client.received.count == all.utf8.count }
            }
            client.close()
            try world.run { server.isClosed }
        },
        ParityProgram("the client half-closes, the server answers after the end", ends: .ended) { world in
            let (client, server) = try world.accepted { handler in
                handler.onEnded = { connection in
                    connection.write("answer")
                    connection.close()
                }
            }
            client.write("question")
            client.closeWrite()
            try world.run { client.isOver && server.isClosed }
        },
        ParityProgram("the server finishes, then the peer ends", ends: .ended) { world in
            let (client, server) = try world.accepted { handler in
                handler.onReceived = { _, connection in
                    connection.write("last")
                    connection.closeWrite()
                }
            }
            client.write("x")
            try world.run { client.ended }
            client.write("more")
            client.closeWrite()
            try world.run { server.isClosed }
        },
        ParityProgram("the server is closed for idleness", ends: .idle) { world in
            var limits = Limits()
            limits.idleTime = .milliseconds(50)
            let (client, server) = try world.accepted(limits: limits)
            try world.run { client.isOver && server.isClosed }
        },
        ParityProgram("nobody listens", ends: nil) { world in
            let client = try world.connect(to: world.deadAddress)
            var failure: SocketError?
            try world.loop.connect(to: world.deadAddress) { _ in
                ScriptedHandler()
            } failed: {
                failure = $0
            }
            try world.run { client.isOver && failure != nil }
            if failure?.errno != .connectionRefused { throw Unexpected(what: "\(String(describing: failure))") }
        },
    ]

    private static let closedHere = [
        ParityProgram("the server closes with unread input", ends: .closed) { world in
            let (client, server) = try world.accepted { $0.onConnected = { $0.pauseReading() } }
            client.write("unread")
            try world.letArrive(readable, at: server.connection)
            server.connection.close()
            try world.run { client.isOver && server.isClosed }
        },
        ParityProgram("the server writes and closes with unread input", ends: .closed) { world in
            let (client, server) = try world.accepted { $0.onConnected = { $0.pauseReading() } }
            client.write("unread")
            try world.letArrive(readable, at: server.connection)
            server.connection.write("bye")
            server.connection.close()
            try world.run { client.isOver }
            client.close()
            try world.run { server.isClosed }
        },
        ParityProgram("the server closes at once with unread input behind what it wrote", ends: .closed) { world in
            var limits = Limits()
            limits.lingerTime = .zero
            let (client, server) = try world.accepted(limits: limits) { $0.onConnected = { $0.pauseReading() } }
            client.write("unread")
            try world.letArrive(readable, at: server.connection)
            server.connection.write("bye")
            server.connection.close()
            try world.run { client.isOver && server.isClosed }
        },
        ParityProgram("the server aborts", ends: .aborted) { world in
            let (client, server) = try world.accepted { $0.onReceived = { _, connection in connection.abort() } }
            client.write("x")
            try world.run { client.isOver && server.isClosed }
        },
        ParityProgram("the server aborts after the client has ended", ends: .aborted) { world in
            let (client, server) = try world.accepted { $0.onEnded = { $0.abort() } }
            client.write("x")
            client.closeWrite()
            try world.run { client.isOver && server.isClosed }
        },
    ]

    private static let resets = [
        ParityProgram("the client resets while idle", ends: .failed) { world in
            let (client, server) = try world.accepted()
            client.reset()
            try world.run { server.isClosed }
        },
        ParityProgram("the client resets with unread data pending", ends: .failed) { world in
            let (client, server) = try world.accepted()
            client.write("pending")
            try world.letArrive(readable, at: server.connection)
            client.reset()
            try world.letArrive(0, at: server.connection)
            try world.run { server.isClosed }
        },
        ParityProgram("the client resets while reading is paused", ends: .failed) { world in
            let (client, server) = try world.accepted { $0.onConnected = { $0.pauseReading() } }
            client.reset()
            try world.run { server.isClosed }
        },
        ParityProgram("the client resets, with data, while reading is paused", ends: .failed) { world in
            let (client, server) = try world.accepted { $0.onConnected = { $0.pauseReading() } }
            client.write("pending")
            try world.letArrive(readable, at: server.connection)
            client.reset()
            try world.run { server.isClosed }
        },
        ParityProgram("the client ends, then resets", ends: .failed) { world in
            let (client, server) = try world.accepted { $0.onEnded = { _ in } }
            client.closeWrite()
            try world.run { server.wasEnded }
            client.reset()
            try world.run { server.isClosed }
        },
        ParityProgram("the client closes with unread data", ends: .failed) { world in
            let (client, server) = try world.accepted { $0.onReceived = { _, connection in connection.write("x") } }
            client.stall()
            client.write("x")
            try world.run { server.connection.bytesSent == 1 }
            try world.letArrive(Int16(POLLOUT), at: server.connection)
            client.close()
            try world.run { server.isClosed }
        },
        ParityProgram("the server writes after the client has reset", ends: .failed) { world in
            let (client, server) = try world.accepted()
            client.reset()
            try world.letArrive(0, at: server.connection)
            server.connection.write("too late")
            try world.run { server.isClosed }
        },
        ParityProgram("the server writes after the client has closed", ends: .failed) { world in
            let (client, server) = try world.accepted { $0.onEnded = { _ in } }
            client.close()
            try world.run { server.wasEnded }
            server.connection.write("too late")
            try world.run { server.isClosed }
        },
        ParityProgram("the server writes twice in one callback after the client has closed", ends: .failed) { world in
            let piece = [UInt8](repeating: 1, count: 20_000)  // large enough to be sent at once
            let (client, server) = try world.accepted { [unowned world] handler in
                handler.onEnded = { [unowned world] connection in
                    connection.write(piece)
                    try world.letArrive(0, at: connection)
                    connection.write(piece)
                }
            }
            client.close()
            try world.run { server.isClosed }
        },
    ]

    private static let flow = [
        ParityProgram("a megabyte for a client that stops reading, then reads", ends: .ended) { world in
            var limits = Limits()
            limits.sendBuffer = 64 * 1024
            limits.outputLimit = 2 * 1024 * 1024
            let bytes = (0..<1024 * 1024).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            let (client, server) = try world.accepted(limits: limits) { handler in
                handler.onReceived = { _, connection in
                    if connection.write(bytes) == .pressure { connection.write("!") }
                }
            }
            client.stall()
            client.write("go")
            try world.run { server.connection.isReadingPaused }
            client.resume()
            try world.run { client.received.count == bytes.count + 1 && server.wasDrained }
            client.closeWrite()
            try world.run { server.isClosed && client.isOver }
        },
        ParityProgram("the client closes while reading is paused, then it resumes", ends: .ended) { world in
            let (client, server) = try world.accepted { $0.onConnected = { $0.pauseReading() } }
            client.write("last")
            client.close()
            try world.letArrive(readable, at: server.connection)
            var hasWaited = false
            world.loop.schedule(after: .milliseconds(5)) { hasWaited = true }
            try world.run { hasWaited }
            server.connection.resumeReading()
            try world.run { server.isClosed }
        },
        ParityProgram("hang-up in both directions while reading is paused", ends: .ended) { world in
            let (client, server) = try world.accepted { handler in
                handler.onConnected = { connection in
                    connection.pauseReading()
                    connection.write("hi")
                    connection.closeWrite()
                }
            }
            try world.run { client.ended }
            client.write("last")
            client.close()
            try world.letArrive(0, at: server.connection)
            var hasWaited = false
            world.loop.schedule(after: .milliseconds(5)) { hasWaited = true }
            try world.run { hasWaited }
            server.connection.resumeReading()
            try world.run { server.isClosed }
        },
    ]
}

/// A program saw what it should not have.
struct Unexpected: Error { let what: String }
