// Programs that send files.

import Reactor

extension ParityProgram {
    static let files = [
        ParityProgram("files between bytes, for a client that stops reading, then reads", ends: .closed) { world in
            var limits = Limits()
            limits.sendBuffer = 64 * 1024
            let contents = (0..<1024 * 1024).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            let (client, server) = try world.accepted(limits: limits) { handler in
                handler.onReceived = { _, connection in
                    connection.write("head")
                    for place in [0, 500_000] {
                        guard let file = try? world.file(contents) else { return }
                        connection.sendFile(file, from: Int64(place), count: 400_000)
                        connection.write("between")
                    }
                    connection.close()
                }
            }
            client.stall()
            client.write("go")
            try world.run { server.connection.queuedFileBytes > 0 }
            client.resume()
            try world.run { client.ended }
            client.close()
            try world.run { server.isClosed }
        },
        ParityProgram("a file that is shorter than promised", ends: .failed) { world in
            let (client, server) = try world.accepted { handler in
                handler.onReceived = { _, connection in
                    guard let file = try? world.file(Array("short".utf8)) else { return }
                    connection.sendFile(file, count: 6)
                }
            }
            client.write("go")
            try world.run { client.isOver && server.isClosed }
        },
    ]
}
