// One client's connection: frames come in, each is answered before the next is looked at. While something is done for the
// client elsewhere, nothing is read from it, and what was received already is held.
//
//                +--> working: opening, listing, hashing, sending; reading is paused --answered--+
//     idle --frame--> receiving: an upload; paused when the disk is slower ----------answered----+--> idle
//                +--> skipping: the content of what was refused --end of the frame---------------+
//                +--> message: the content of a plain message --end of the frame, answered-------+
//
// How files are sent is in TransferSession+Sending.swift, how they arrive in TransferSession+Receiving.swift.

import Reactor

/// The handler of a client's connection.
final class TransferSession: ConnectionHandler {
    enum Activity {
        case idle
        /// Something is done; nothing is read meanwhile.
        case working
        case receiving(Reception)
        case skipping
        case message(TransferHeader, [UInt8])
    }

    let server: TransferServer
    private var parser = FrameParser()
    var activity = Activity.idle
    /// Received and not looked at yet.
    private var held: [UInt8] = []
    private var isDraining = false
    /// The client waits for the answer to something, and may say no more meanwhile.
    private var isPaused = false
    /// The client does not read its answers, and is asked nothing more before it does.
    private var awaitsRoom = false
    /// The deadline of a header that has begun is set.
    private var awaitsHeader = false
    private(set) var isOver = false
    /// How fast the content of the frame comes in, and when it is looked at again.
    private var contentClock: UploadClock?
    private var contentTimer: Timer?
    /// A file that is being hashed for this client.
    var hashing: FileHashing?
    /// An upload of which all has arrived but its hash.
    var unsealed: Reception?

    init(_ server: TransferServer) { self.server = server }

    // MARK: The connection's calls

    func received(_ bytes: RawSpan, on connection: Connection) {
        if held.isEmpty { return take(bytes, on: connection) }
        // Safe: any byte is one.
        unsafe bytes.withUnsafeBytes { unsafe held.append(contentsOf: $0) }
        takeHeld(connection)
    }

    func resumed(_ connection: Connection) { takeHeld(connection) }

    func drained(_ connection: Connection) {
        guard awaitsRoom else { return }
        awaitsRoom = false
        readOn(connection)
    }

    func ended(_ connection: Connection) {
        // What is being done for the client is finished: it may have ended its stream with its last wish.
        if case .idle = activity, unsealed == nil { return connection.close() }
        if case .working = activity, unsealed == nil {
            isDraining = true
            return
        }
        giveUp(connection)
        connection.close()
    }

    func draining(_ connection: Connection) {
        isDraining = true
        if case .idle = activity, unsealed == nil, parser.isBetweenFrames { connection.close() }
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        isOver = true
        stopContentClock(connection)
        giveUp(connection)
    }

    /// The client is gone, or will say no more.
    private func giveUp(_ connection: Connection) {
        hashing?.cancel()
        hashing = nil
        if case .receiving(let reception) = activity { interrupted(reception, connection) }
        if let reception = unsealed { interrupted(reception, connection) }
        unsealed = nil
        activity = .skipping
    }

    // MARK: Frames

    private func takeHeld(_ connection: Connection) {
        let bytes = held
        held = []
        // Safe: the bytes live as long as the call.
        unsafe take(bytes.span.bytes, on: connection)
    }

    private func take(_ bytes: RawSpan, on connection: Connection) {
        var offset = 0
        do throws(TransferError) {
            while !isPaused && connection.isOpen {
                let part = try parser.next(in: bytes, at: &offset)
                if case .nothing = part { break }
                take(part, of: bytes, connection)
            }
        } catch {
            // Where the next frame begins nobody knows.
            answer(TransferHeader(error), connection)
            return connection.close()
        }
        guard connection.isOpen else { return }
        if isPaused {
            // Safe: any byte is one.
            if offset < bytes.byteCount {
                unsafe held = bytes.extracting(offset...).withUnsafeBytes { unsafe Array($0) }
            }
            connection.pauseReading()
            // Also where no byte is left: the end of a frame without content is still to be told.
            connection.holdInput()
        } else if parser.isInHeader != awaitsHeader {
            // From the first byte on: what drips in does not extend it.
            awaitsHeader = parser.isInHeader
            if awaitsHeader { connection.expectMessage(within: server.limits.headerTime) }
        }
    }

    private func take(_ part: FrameParser.Part, of bytes: RawSpan, _ connection: Connection) {
        switch part {
        case .nothing: return
        case .header(let header):
            connection.messageArrived()
            awaitsHeader = false
            if header.contentLength ?? 0 > 0 { startContentClock(connection) }
            begin(header, connection)
        case .content(let range):
            contentClock?.received(range.count)
            switch activity {
            case .receiving(let reception): take(bytes.extracting(range), for: reception, connection)
            case .message(let header, var content):
                activity = .skipping
                unsafe bytes.extracting(range).withUnsafeBytes { unsafe content.append(contentsOf: $0) }  // safe: bytes
                activity = .message(header, content)
            case .idle, .working, .skipping: return
            }
        case .end:
            stopContentClock(connection)
            switch activity {
            case .receiving(let reception): contentEnded(reception, connection)
            case .message(let header, let content): answer(message: header, content, connection)
            case .skipping: becomeIdle(connection)
            case .idle, .working: return
            }
        }
    }

    private func begin(_ header: TransferHeader, _ connection: Connection) {
        if let reception = unsealed {
            unsealed = nil
            return seal(reception, with: header, connection)
        }
        let length = header.contentLength ?? 0
        guard let command = header.command else {
            guard length <= server.limits.message else {
                return refuse(.busy, "a message of at most \(server.limits.message) bytes is answered", connection)
            }
            activity = .message(header, [])
            return
        }
        if command == "put" { return receive(header, connection) }
        guard length == 0 else { return refuse(.badRequest, "'\(command.prefix(20))' has no content", connection) }
        switch command {
        case "list": list(header, connection)
        case "get": send(header, connection)
        case "prepare": prepare(header, connection)
        case "quit":
            answer(TransferHeader(status: "goodbye"), connection)
            connection.close()
        default:
            refuse(
                .badRequest, "there is no command '\(command.prefix(20))': list, get, prepare, put, quit", connection)
        }
    }

    // MARK: Answers

    /// Sends a header, in the form of the client's own.
    func answer(_ header: TransferHeader, _ connection: Connection) { connection.write(parser.form.frame(header)) }

    /// Refuses a frame; its content, if there is any, is thrown away as it comes.
    func refuse(_ code: TransferError.Code, _ text: String, _ connection: Connection) {
        refuse(TransferError(code, text), connection)
    }

    func refuse(_ error: TransferError, _ connection: Connection) {
        answer(TransferHeader(error), connection)
        activity = .skipping
    }

    /// A plain message is answered with itself.
    private func answer(message header: TransferHeader, _ content: [UInt8], _ connection: Connection) {
        var reply = TransferHeader(status: "received")
        reply.contentType = header.contentType ?? "application/octet-stream"
        reply.contentEncoding = header.contentEncoding
        reply.contentLength = content.count
        answer(reply, with: content, connection)
    }

    /// Answers with a header and content, and looks at the next frame when there is room for its answer.
    func answer(_ header: TransferHeader, with content: [UInt8], _ connection: Connection) {
        answer(header, connection)
        let result = connection.write(content)
        becomeIdle(connection)
        if result == .pressure { (isPaused, awaitsRoom) = (true, true) }
    }

    // MARK: Slow clients

    private func startContentClock(_ connection: Connection) {
        let clock = UploadClock(server.limits.uploadRate, at: connection.loop.now)
        contentClock = clock
        watchContent(until: clock.deadline, connection)
    }

    private func stopContentClock(_ connection: Connection) {
        if let contentTimer { connection.loop.cancel(contentTimer) }
        (contentClock, contentTimer) = (nil, nil)
    }

    private func watchContent(until time: MonotonicTime, _ connection: Connection) {
        let loop = connection.loop
        contentTimer = loop.schedule(after: loop.now.duration(to: time)) { [weak self, unowned connection] in
            self?.contentDeadlineReached(connection)
        }
    }

    private func contentDeadlineReached(_ connection: Connection) {
        contentTimer = nil
        let now = connection.loop.now
        // While this side does not read, the client is not to blame.
        if isPaused || connection.isReadingPaused { contentClock?.restart(at: now) }
        guard let clock = contentClock else { return }
        if clock.deadline > now { return watchContent(until: clock.deadline, connection) }
        let rate = server.limits.uploadRate
        let text = "less than \(rate.bytesPerSecond) bytes per second arrived; a faster client can resume the transfer"
        answer(TransferHeader(TransferError(.tooSlow, text)), connection)
        connection.close()
    }

    // MARK: Waiting for others

    /// Has something done that may block, and looks at nothing from the client meanwhile.
    func work<Value: Sendable>(
        _ connection: Connection, _ work: @escaping @Sendable () throws(TransferError) -> Value,
        then: @escaping (Result<Value, TransferError>) -> Void
    ) {
        activity = .working
        isPaused = true
        connection.loop.offloadPatiently(work) { [self] outcome in
            // Who is gone needs no answer; what was opened for it is closed with the value.
            if !isOver { then(outcome) }
        }
    }

    /// An answer was given, and the client may go on.
    func becomeIdle(_ connection: Connection) {
        activity = .idle
        if isDraining { connection.close() }
        readOn(connection)
    }

    func readOn(_ connection: Connection) {
        guard isPaused else { return }
        isPaused = false
        connection.resumeReading()
    }

    func pause(_ connection: Connection) { isPaused = true }
}
