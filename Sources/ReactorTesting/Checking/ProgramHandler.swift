// A handler that performs random handler operations and records what it sent and received. Its bytes identify their
// origin: the content of a stream at an offset depends only on the stream's number and the offset.

import Reactor

/// The contents of numbered streams.
enum StreamPattern {
    private static let period = 8192
    private static let bytes: [UInt8] = (0..<2 * period).map { place in
        let place = place % period
        return UInt8(truncatingIfNeeded: place &* 31 &+ (place >> 8) &* 7)
    }

    /// Returns `count` bytes of a stream, at most 8,192, starting at an offset.
    static func slice(_ stream: Int, from place: Int, count: Int) -> ArraySlice<UInt8> {
        let start = (place + stream &* 977) % period
        return bytes[start..<start + min(count, period)]
    }

    /// Returns whether `found` equals the contents of the stream starting at `place`.
    static func matches(_ stream: Int, from place: Int, _ found: UnsafeRawBufferPointer) -> Bool {
        var checked = 0
        while checked < found.count {
            let expected = slice(stream, from: place + checked, count: found.count - checked)
            // Safe: `expected` is no longer than what remains of `found`, so the index stays within its bounds.
            for (index, byte) in expected.enumerated() where unsafe found[checked + index] != byte { return false }
            checked += expected.count
        }
        return true
    }
}

/// An error that a handler throws deliberately.
struct ThrownOnPurpose: Error {}

/// One end of a connection in a random program.
final class ProgramHandler: ConnectionHandler {
    private unowned let program: RandomProgram
    let number: Int
    private let isServer: Bool
    private let outgoing: Int
    private let incoming: Int
    private var random: SeededGenerator
    /// How often the handler performs a disruptive operation, 0 to 1.
    private let rashness: Double
    private let replies: ClosedRange<Int>

    private(set) weak var connection: Connection?
    /// The number of bytes accepted by `write`.
    private(set) var written = 0
    /// The number of bytes in refused writes, some of which may have been sent.
    private(set) var refused = 0
    private(set) var received = 0
    private(set) var ended = false
    private(set) var reason: CloseReason?
    private var isPaused = false
    private var owesDrained = false

    init(_ program: RandomProgram, number: Int, isServer: Bool) {
        self.program = program
        self.number = number
        self.isServer = isServer
        outgoing = number * 2 + (isServer ? 0 : 1)
        incoming = number * 2 + (isServer ? 1 : 0)
        random = SeededGenerator(seed: program.seed &* 1009 &+ UInt64(outgoing))
        rashness = random.pick([0, 0, 0.02, 0.1, 0.3])
        replies = random.pick([0...0, 1...10, 1...2000, 500...9000])
    }

    var description: String {
        "\(number) (\(isServer ? "server" : "connector"), \(received) received\(ended ? " to the end" : ""), "
            + "\(written) written, \(connection?.queuedBytes ?? 0) queued"
            + "\(connection?.isReadingPaused == true ? ", paused" : ""))"
    }

    func connected(_ connection: Connection) throws {
        self.connection = connection
        if random.chance(0.5) { write(random.number(in: replies)) }
        if program.isSettling && !isServer { connection.closeWrite() }
        try act()
    }

    func received(_ bytes: RawSpan, on connection: Connection) throws {
        // Safe: the buffer is used only inside the closure, while `bytes` is borrowed.
        let isRight = unsafe bytes.withUnsafeBytes { unsafe StreamPattern.matches(incoming, from: received, $0) }
        if !isRight { program.violate("connection \(number): wrong bytes from \(received) on") }
        received += bytes.byteCount
        if isPaused { program.violate("connection \(number): received while paused") }
        if !owesDrained { write(random.number(in: replies)) }
        try act()
    }

    func ended(_ connection: Connection) throws {
        ended = true
        if program.isSettling || random.chance(0.5) { return connection.close() }
        write(random.number(in: replies))
        program.later(random.number(in: 0...20_000)) { [weak self] in self?.connection?.close() }
    }

    func drained(_ connection: Connection) throws {
        if !owesDrained { program.violate("connection \(number): drained without pressure") }
        owesDrained = false
        try act()
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        self.reason = reason
        if !program.isSettling && random.chance(rashness) { program.actOnAnother(than: number, &random) }
    }

    /// Writes the next bytes of the handler's stream.
    func write(_ count: Int) {
        guard let connection, reason == nil else { return }
        var left = count
        while left > 0 {
            let piece = StreamPattern.slice(outgoing, from: written, count: left)
            let result = connection.write(Array(piece))
            if result == .closed {
                refused = piece.count
                return
            }
            written += piece.count
            left -= piece.count
            // On pressure, the handler usually stops writing. `drained` is still due then, unless this write happens
            // inside that very call.
            if result == .pressure {
                owesDrained = true
                if random.chance(0.9) { break }
            }
        }
        // Pressure may also be detected after the callback, when the kernel accepts less than was gathered.
        if connection.queuedBytes > 0 { owesDrained = true }
        program.checkQueue(of: connection, number)
    }

    /// Performs a random operation that a handler is allowed to perform.
    func act() throws {
        guard let connection, !program.isSettling, random.chance(rashness) else { return }
        switch random.below(13) {
        case 0, 1: pause(for: random.number(in: 1...50_000))
        case 2: connection.close()
        case 3: connection.closeWrite()
        case 4: connection.abort()
        case 5: throw ThrownOnPurpose()
        case 6, 7: write(random.number(in: 1...20_000))
        case 8: program.actOnAnother(than: number, &random)
        case 9: program.later(random.number(in: 0...10_000)) { [weak self] in self?.write(700) }
        case 10:
            program.world?.loop.execute { [weak self] in
                self?.connection?.pauseReading(); self?.resume()
            }
        case 11: program.switchBackend(&random)
        default: _ = connection.fileDescriptor
        }
    }

    func pause(for microseconds: Int) {
        guard let connection, !isPaused else { return }
        connection.pauseReading()
        isPaused = true
        program.later(microseconds) { [weak self] in self?.resume() }
    }

    func resume() {
        isPaused = false
        connection?.resumeReading()
    }
}
