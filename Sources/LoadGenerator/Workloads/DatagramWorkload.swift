// The mode datagrams: so many sockets, one datagram in flight on each. Datagrams get lost: one that has not come back after
// a while is counted as unanswered, and the next one is sent.
//
//     settingUp --first one back--> waiting --back, or lost--> waiting ...
//         +---- refused, or none back in time: failed

internal import Reactor

/// Datagrams to and fro.
final class DatagramWorkload: Workload {
    /// After so long a datagram is lost; nobody tells.
    private static let patience: Int64 = 200_000_000
    private static let lookEvery = Duration.milliseconds(50)

    let ledger: Ledger
    let loop: EventLoop
    let pattern: BytePattern
    let size: Int
    let address: SocketAddress
    private(set) var isFinished = false
    private(set) var connectionCount = 0

    private let configuration: LoadConfiguration
    /// `nil` when the work is done: it owns this object.
    private var generator: LoadGenerator?
    private var clients: [DatagramClient] = []
    private var settingUp = 0
    private var isMeasuring = false
    private var setUpEnd: Int64 = 0
    private var timer: Timer?

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
        setUpEnd = now.advanced(by: configuration.connectTimeout)
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

    /// A client's first datagram is back.
    func isUp(_ client: DatagramClient, after nanoseconds: Int64) {
        ledger.connectionMade(after: nanoseconds)
        connectionCount += 1
        setUpEnded()
    }

    /// A client's datagrams go nowhere.
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

    /// A datagram is back: the next one.
    func completed(by client: DatagramClient, at now: Int64) {
        ledger.completed(1, at: now)
        ledger.latency.record(now - client.sentAt)
        next(client, at: now)
    }

    private func next(_ client: DatagramClient, at now: Int64) {
        if ledger.take(1) == 1 { client.send(at: now) }
        if ledger.isDone { generator?.workDone() }
    }

    /// Looks for datagrams that are lost.
    private func look() {
        let now = loop.kernel.now().nanoseconds
        for client in clients where client.isWaiting && now - client.sentAt > Self.patience {
            if isMeasuring {
                client.isWaiting = false
                ledger.lost(1)
                ledger.attemptFailed()
                next(client, at: now)
            } else if now < setUpEnd {
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

/// One socket of the mode datagrams.
final class DatagramClient: DatagramHandler {
    private let workload: DatagramWorkload
    /// `nil` until it is made, and when it is gone.
    var socket: DatagramSocket?
    /// When the datagram that is on its way was sent.
    private(set) var sentAt: Int64 = 0
    var isWaiting = false
    private(set) var isUp = false
    private let firstSent: Int64
    private var position: Int
    /// Datagrams that were sent; more than came back, when some were lost, whose answers may come late.
    private var (sent, received) = (0, 0)

    init(_ workload: DatagramWorkload, number: Int) {
        self.workload = workload
        position = workload.pattern.start(ofStream: number)
        firstSent = workload.loop.kernel.now().nanoseconds
    }

    func send(at now: Int64) {
        guard let socket else { return }
        let period = workload.pattern.period
        position = BytePattern.advance(position, by: workload.size, period: period)
        sentAt = now
        isWaiting = true
        sent += 1
        // What does not leave is told to `failed`, or never comes back and is counted as lost.
        switch workload.pattern.withBytes(at: position, count: workload.size, { socket.send($0) }) {
        case .taken, .pressure: break
        default: sent -= 1
        }
    }

    func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        guard !workload.isFinished else { return }
        received += 1
        guard bytes.byteCount == workload.size, workload.pattern.matches(bytes, at: position) else {
            // The answer to one that was given up is right, only late.
            if sent == received { fail(.mismatch, "\(peer) sent back what it had not been sent") }
            return
        }
        guard isWaiting else { return }
        isWaiting = false
        let now = workload.loop.kernel.now().nanoseconds
        if isUp { return workload.completed(by: self, at: now) }
        isUp = true
        workload.isUp(self, after: now - firstSent)
    }

    func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        if !workload.isFinished { fail(.mismatch, "\(peer) sent back more than it had been sent") }
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
