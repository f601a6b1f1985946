// The connection to an admin socket. It requests snapshots and assembles the two lines of each reply.

import Reactor

/// A client of an admin socket with one request at a time.
final class TopClient: ConnectionHandler {
    private static let longestResponse = 4 << 20

    /// Called with the two lines of a snapshot: the statistics and the connections.
    var onResponse: (([UInt8], [UInt8]) -> Void)?
    /// Called with the reason when the connection has closed.
    var ended: ((String) -> Void)?
    private(set) var isWaiting = false
    /// Returns the number of connections to request.
    private let connections: () -> Int
    private weak var connection: Connection?
    private var lines: [[UInt8]] = []
    private var line: [UInt8] = []

    init(connections: @escaping () -> Int) { self.connections = connections }

    func connected(_ connection: Connection) {
        self.connection = connection
        ask()
    }

    /// Requests a snapshot, unless a request is outstanding.
    func ask() {
        guard let connection, !isWaiting else { return }
        isWaiting = true
        connection.write("stats json\nconnections \(min(connections(), 200)) json\n")
    }

    func received(_ bytes: RawSpan, on connection: Connection) {
        for offset in 0..<bytes.byteCount {
            let byte = bytes.byte(at: offset)
            if byte != UInt8(ascii: "\n") {
                line.append(byte)
                continue
            }
            lines.append(line)
            line = []
            if lines.count < 2 { continue }
            let response = lines
            lines = []
            isWaiting = false
            onResponse?(response[0], response[1])
        }
        if line.count > Self.longestResponse { connection.abort() }
    }

    func closed(_ connection: Connection, reason: CloseReason) { ended?("\(reason)") }
}
