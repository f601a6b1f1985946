// The datagrams mode: a number of sockets with one datagram in flight on each. Datagrams may get lost: one that is not
// back in time counts as unanswered, and the next one is sent.
//
//     settingUp --first one back--> waiting --back, or lost--> waiting ...
//         +---- refused, or none back in time: failed

internal import Reactor

/// Sockets that exchange datagrams.
final class DatagramWorkload: Workload {
    /// The time after which a datagram counts as lost, since UDP reports no loss.
    private static let patienceNanoseconds: Int64 = 200_000_000
    private static let lookEvery = Duration.milliseconds(50)

    let ledger: Ledger
    let loop: EventLoop
    let pattern: BytePattern
    let size: Int
    let address: SocketAddress
    private(set) var isFinished = false
    private(set) var connectionCount = 0

    private let configuration: LoadConfiguration
    /// The generator, which owns this object; `nil` once the work is done.
    private var generator: LoadGenerator?
    private var clients: [DatagramClient] = []
    private var settingUp = 0
    private var isMeasuring = false
    private var setUpEndNanoseconds: Int64 = 0
    private var timer: LoopTimer?

    init(_ generator: LoadGenerator, _ ledger: Ledger) {
        self.generator = generator
        self.ledger = ledger
        configuration = generator.configuration
        loop = generator.loop
        pattern = BytePattern(messageSize: configuration.size)
        size = configuration.size
        address = configuration.address
    }

    func setUp() {
        let now = loop.kernel.now().nanoseconds
        setUpEndNanoseconds = now.advanced(by: configuration.connectTimeout)
        var options = DatagramOptions()
        options.datagramSize = size
        for number in 0..<configuration.connections {
            let client = DatagramClient(self, number: number)
            do throws(SocketError) {
                client.socket = try loop.connectDatagrams(to: address, options: options, handler: client)
                settingUp += 1
                clients.append(client)
            } catch {
                ledger.failed(LoadErrors.Kind(connecting: error), error.description)
            }
        }
        timer = loop.schedule(after: Self.lookEvery, repeating: Self.lookEvery) { [unowned self] in look() }
        for client in clients { client.send(at: now) }
        if settingUp == 0 { generator?.setUpDone() }
    }

    /// Counts a client whose first datagram is back.
    func isUp(_ client: DatagramClient, after nanoseconds: Int64) {
        ledger.connectionMade(after: nanoseconds)
        connectionCount += 1
        setUpEnded()
    }

    /// Removes a client that failed.
    func failed(_ client: DatagramClient, _ kind: LoadErrors.Kind, _ text: String) {
        ledger.failed(kind, losing: client.isUp && client.isWaiting && isMeasuring ? 1 : 0, text)
        clients.removeAll { $0 === client }
        if client.isUp { connectionCount -= 1 } else { setUpEnded() }
        if connectionCount == 0 && isMeasuring { generator?.workDone() }
    }

    private func setUpEnded() {
        settingUp -= 1
        if settingUp == 0 { generator?.setUpDone() }
    }

    func begin(at now: Int64) {
        isMeasuring = true
        ledger.allow(configuration.messages ?? .max)
        for client in clients where ledger.take(1) == 1 { client.send(at: now) }
    }

    /// Counts a datagram that is back, and sends the next one.
    func completed(by client: DatagramClient, at now: Int64) {
        ledger.completed(1, at: now)
        ledger.latency.record(now - client.sentNanoseconds)
        next(client, at: now)
    }

    private func next(_ client: DatagramClient, at now: Int64) {
        if ledger.take(1) == 1 { client.send(at: now) }
        if ledger.isDone { generator?.workDone() }
    }

    /// Finds lost datagrams.
    private func look() {
        let now = loop.kernel.now().nanoseconds
        for client in clients where client.isWaiting && now - client.sentNanoseconds > Self.patienceNanoseconds {
            if isMeasuring {
                client.isWaiting = false
                ledger.lost(1)
                ledger.attemptFailed()
                next(client, at: now)
            } else if now < setUpEndNanoseconds {
                client.send(at: now)
            } else {
                client.socket?.close()
                failed(client, .connectTimeout, "no datagram came back from \(address) in time")
            }
        }
    }

    func stopSending(at now: Int64) {
        ledger.stopSending()
        if ledger.isDone { generator?.workDone() }
    }

    func finish() {
        isFinished = true
        generator = nil
        if let timer { loop.cancel(timer) }
        for client in clients { client.socket?.close() }
        clients = []
    }
}

/// A socket of the datagrams mode.
final class DatagramClient: DatagramHandler {
    private let workload: DatagramWorkload
    /// The socket; `nil` until it is created, and after it has failed.
    var socket: DatagramSocket?
    /// The send time of the datagram in flight.
    private(set) var sentNanoseconds: Int64 = 0
    var isWaiting = false
    private(set) var isUp = false
    private let firstSentNanoseconds: Int64
    private var position: Int
    /// The number of datagrams sent and received; fewer are received when some are lost or their echoes are late.
    private var (sent, received) = (0, 0)

    init(_ workload: DatagramWorkload, number: Int) {
        self.workload = workload
        position = workload.pattern.start(ofStream: number)
        firstSentNanoseconds = workload.loop.kernel.now().nanoseconds
    }

    func send(at now: Int64) {
        guard let socket else { return }
        let period = workload.pattern.period
        position = BytePattern.advance(position, by: workload.size, period: period)
        sentNanoseconds = now
        isWaiting = true
        sent += 1
        // A datagram that cannot be sent is reported to `failed`, or never comes back and counts as lost.
        switch workload.pattern.withBytes(at: position, count: workload.size, { socket.send($0) }) {
        case .taken, .pressure: break
        default: sent -= 1
        }
    }

    func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        guard !workload.isFinished else { return }
        received += 1
        guard bytes.byteCount == workload.size, workload.pattern.matches(bytes, at: position) else {
            // The late echo of an abandoned datagram is correct.
            if sent == received { fail(.mismatch, "\(peer) sent back a wrong datagram") }
            return
        }
        guard isWaiting else { return }
        isWaiting = false
        let now = workload.loop.kernel.now().nanoseconds
        if isUp { return workload.completed(by: self, at: now) }
        isUp = true
        workload.isUp(self, after: now - firstSentNanoseconds)
    }

    func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        if !workload.isFinished { fail(.mismatch, "\(peer) sent back a datagram that is too large") }
    }

    func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) {
        if !workload.isFinished { fail(LoadErrors.Kind(connecting: error), error.description) }
    }

    private func fail(_ kind: LoadErrors.Kind, _ text: String) {
        guard let socket else { return }
        self.socket = nil
        socket.close()
        workload.failed(self, kind, text)
    }
}
