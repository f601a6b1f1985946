// The connection of one client: each frame is answered before the next one is parsed. While work for the client is in
// progress elsewhere, reading is paused, and input received already is held.
//
//                +--> working: opening, listing, hashing, sending; reading is paused --answered--+
//     idle --frame--> receiving: an upload; paused while the disk is slower ---------answered----+--> idle
//                +--> skipping: the content of a refused frame --end of the frame----------------+
//                +--> message: the content of a plain message --end of the frame, answered-------+
//
// TransferSession+Sending.swift sends files, TransferSession+Receiving.swift receives them.

internal import Reactor

/// The handler of a client's connection on the server.
final class TransferSession: ConnectionHandler {
    enum Activity {
        case idle
        /// Work is in progress; reading is paused.
        case working
        case receiving(Reception)
        case skipping
        case message(TransferHeader, [UInt8])
    }

    let server: TransferServer
    private var parser = FrameParser()
    var activity = Activity.idle
    /// Unprocessed input.
    private var held: [UInt8] = []
    private var isDraining = false
    /// Whether input processing is paused while work for the client is in progress.
    private var isPaused = false
    /// Whether the output queue is above its high watermark; the next frame waits until it drains.
    private var awaitsRoom = false
    /// Whether the deadline of an incomplete header is armed.
    private var awaitsHeader = false
    private(set) var isOver = false
    /// The rate of the current frame's content, and the timer that checks it.
    private var contentClock: UploadClock?
    private var contentTimer: LoopTimer?
    /// The file being hashed for this client.
    var hashing: FileHashing?
    /// An upload that is complete but for its hash.
    var unsealed: Reception?

    init(_ server: TransferServer) { self.server = server }

    // MARK: Callbacks of the connection

    func received(_ bytes: RawSpan, on connection: Connection) {
        if held.isEmpty { return take(bytes, on: connection) }
        // Safe: the bytes are copied during the call.
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
        // Finish the work in progress: the client may have half-closed after its last request.
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

    /// Abandons all work after the client has disconnected, or half-closed in the middle of a frame.
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
            // The start of the next frame is unknown.
            respond(TransferHeader(error), connection)
            return connection.close()
        }
        guard connection.isOpen else { return }
        if isPaused {
            // Safe: the bytes are copied during the call.
            if offset < bytes.byteCount {
                unsafe held = bytes.extracting(offset...).withUnsafeBytes { unsafe Array($0) }
            }
            connection.pauseReading()
            // Even without remaining bytes: the end of a frame without content is still to be processed.
            connection.holdInput()
        } else if parser.isInHeader != awaitsHeader {
            // Counted from the first byte: a slow trickle of bytes does not extend the deadline.
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
                // Safe: the bytes are copied during the call.
                unsafe bytes.extracting(range).withUnsafeBytes { unsafe content.append(contentsOf: $0) }
                activity = .message(header, content)
            case .idle, .working, .skipping: return
            }
        case .end:
            stopContentClock(connection)
            switch activity {
            case .receiving(let reception): contentEnded(reception, connection)
            case .message(let header, let content): respond(message: header, content, connection)
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
                return refuse(.busy, "message too long; use at most \(server.limits.message) bytes", connection)
            }
            activity = .message(header, [])
            return
        }
        if command == "put" { return receive(header, connection) }
        guard length == 0 else { return refuse(.badRequest, "'\(command.prefix(20))' takes no content", connection) }
        switch command {
        case "list": list(header, connection)
        case "get": send(header, connection)
        case "prepare": prepare(header, connection)
        case "quit":
            respond(TransferHeader(status: "goodbye"), connection)
            connection.close()
        default:
            refuse(
                .badRequest, "unknown command '\(command.prefix(20))'; use list, get, prepare, put, quit", connection)
        }
    }

    // MARK: Replies

    /// Sends a header, in the form that the client uses.
    func respond(_ header: TransferHeader, _ connection: Connection) { connection.write(parser.form.frame(header)) }

    /// Refuses a frame; its content, if any, is discarded as it arrives.
    func refuse(_ code: TransferError.Code, _ text: String, _ connection: Connection) {
        refuse(TransferError(code, text), connection)
    }

    func refuse(_ error: TransferError, _ connection: Connection) {
        respond(TransferHeader(error), connection)
        activity = .skipping
    }

    /// Echoes a plain message.
    private func respond(message header: TransferHeader, _ content: [UInt8], _ connection: Connection) {
        var reply = TransferHeader(status: "received")
        reply.contentType = header.contentType ?? "application/octet-stream"
        reply.contentEncoding = header.contentEncoding
        reply.contentLength = content.count
        respond(reply, with: content, connection)
    }

    /// Sends a header and content; the next frame waits until the output queue has room.
    func respond(_ header: TransferHeader, with content: [UInt8], _ connection: Connection) {
        respond(header, connection)
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
        // The client is not to blame while this side does not read.
        if isPaused || connection.isReadingPaused { contentClock?.restart(at: now) }
        guard let clock = contentClock else { return }
        if clock.deadline > now { return watchContent(until: clock.deadline, connection) }
        let rate = server.limits.uploadRate
        let text = "less than \(rate.bytesPerSecond) bytes per second arrived; a faster client can resume the transfer"
        respond(TransferHeader(TransferError(.tooSlow, text)), connection)
        connection.close()
    }

    // MARK: Work in progress

    /// Runs blocking work on the pool, with input processing paused meanwhile.
    func work<Value: Sendable>(
        _ connection: Connection, _ work: @escaping @Sendable () throws(TransferError) -> Value,
        then: @escaping (Result<Value, TransferError>) -> Void
    ) {
        activity = .working
        isPaused = true
        connection.loop.offloadPatiently(work) { [self] outcome in
            // A client that is gone needs no reply; anything opened for it is closed with the value.
            if !isOver { then(outcome) }
        }
    }

    /// Ends the current request, and lets the next one begin.
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
