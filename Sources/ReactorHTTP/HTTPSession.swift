// One connection: requests in, answers out, in order. Here is the network; what a request means is the parser's business and
// the server's.
//
//     head --whole, no body--> answer --+--> head of the next, among what has come already or later
//       |                        ^      |
//       +--whole--> body --whole-+      +--> over: the connection is closed when all is sent
//       +--malformed, or too slow: refused --^
//
// Answered are some requests a turn, and none while the peer has not read what was answered before, or a file is on its way:
// what has come meanwhile is held, and no more is received (Connection+Holding.swift). So memory is bounded by the limits of
// a request and one receive.

public import Reactor

/// The handler of an HTTP connection.
public final class HTTPSession: ConnectionHandler {
    private let server: HTTPFileServer
    private var parser: HTTPRequestParser
    /// What was received and not dealt with: a part of a head, or requests that are held.
    private var kept: [UInt8] = []
    private var body: HTTPBody?
    /// How fast the body comes in.
    private var bodyClock: UploadClock?
    /// When the head that is being received has to be whole, or the body is looked at again.
    private var deadline: Timer?
    private var answered = 0
    private var refused = 0
    private var isSendingFile = false
    /// The next answer is the last one, or the one that is being sent is.
    private var isLast = false
    private var isOver = false

    /// A session of this server's.
    public init(_ server: HTTPFileServer) {
        self.server = server
        parser = HTTPRequestParser(server.limits)
    }

    /// Answers what is whole.
    public func received(_ bytes: RawSpan, on connection: Connection) {
        if !kept.isEmpty {
            kept += bytes.bytes(at: 0..<bytes.byteCount)
            return takeKept(connection)
        }
        let used = take(bytes, connection)
        if used < bytes.byteCount { kept = bytes.bytes(at: used..<bytes.byteCount) }
    }

    /// Goes on with what was held.
    public func resumed(_ connection: Connection) { takeKept(connection) }

    /// Finishes what is being received or sent; a connection between two requests is closed. One that has just come may
    /// still ask for something.
    public func draining(_ connection: Connection) {
        isLast = true
        if answered > 0 && kept.isEmpty && body == nil && !isSendingFile { end(connection) }
    }

    /// Counts.
    public func closed(_ connection: Connection, reason: CloseReason) {
        stopDeadline(connection)
        server.counts?.add(answered: answered, refused: refused)
    }

    private func takeKept(_ connection: Connection) {
        guard !kept.isEmpty else { return }
        let input = kept
        kept = []
        let used = unsafe take(input.span.bytes, connection)  // safe: a UInt8 has no padding
        if used == 0 { kept = input } else if used < input.count { kept = Array(input[used...]) }
    }

    // MARK: Requests

    /// Deals with as many requests as may be answered now; answers how many bytes are done with.
    private func take(_ bytes: RawSpan, _ connection: Connection) -> Int {
        var offset = 0
        var budget = server.limits.requestsPerTurn
        var mayGoOn = true
        while offset < bytes.byteCount && !isOver {
            if body != nil {
                guard let end = takeBody(bytes, from: offset, connection) else { break }
                offset = end
                guard let whole = body, whole.isWhole else { continue }
                body = nil
                stopDeadline(connection)
                // Safe: a UInt8 has no padding.
                mayGoOn = unsafe answer(whole.head.span.bytes, content: whole.content, connection)
                budget -= 1
                continue
            }
            guard mayGoOn && budget > 0 else {
                connection.holdInput()
                return offset
            }
            let rest = bytes.extracting(offset...)
            do throws(HTTPRefusal) {
                guard try parser.parse(rest) else {
                    startDeadline(server.limits.headTime, connection)
                    return offset
                }
                if deadline != nil { stopDeadline(connection) }
                offset &+= parser.head.byteCount
                if parser.head.body != .none {
                    try begin(rest.extracting(..<parser.head.byteCount), isAlone: offset == bytes.byteCount, connection)
                    continue
                }
            } catch {
                refuse(error, connection)
                break
            }
            mayGoOn = answer(rest, content: [], connection)
            budget &-= 1
        }
        return bytes.byteCount
    }

    /// A request with a body: what becomes of it.
    ///
    /// - Parameter isAlone: whether nothing has come behind its head.
    private func begin(_ head: RawSpan, isAlone: Bool, _ connection: Connection) throws(HTTPRefusal) {
        let isWanted = server.wantsBody(parser.head, head)
        if parser.head.expectsContinue && !isWanted {
            // It is told at once, before it sends a body for nothing; whether it does so all the same nobody knows, so
            // that this request is the last one.
            isLast = true
            _ = answer(head, content: [], connection)
            return
        }
        body = try HTTPBody(parser.head.body, head: head, keeps: isWanted, server.limits)
        let clock = UploadClock(server.limits.bodyRate, at: connection.loop.now)
        bodyClock = clock
        watchBody(until: clock.deadline, connection)
        if parser.head.expectsContinue && isAlone { connection.write("HTTP/1.1 100 Continue\r\n\r\n") }
    }

    private func takeBody(_ bytes: RawSpan, from offset: Int, _ connection: Connection) -> Int? {
        do throws(HTTPRefusal) {
            let end = try body?.take(bytes, from: offset)
            bodyClock?.received((end ?? offset) - offset)
            return end
        } catch {
            refuse(error, connection)
            return nil
        }
    }

    // MARK: Answers

    /// Answers the request whose head was parsed; answers whether another one may be answered now.
    ///
    /// - Parameter bytes: what its head was parsed from.
    @inline(__always)
    private func answer(_ bytes: RawSpan, content: [UInt8], _ connection: Connection) -> Bool {
        answered &+= 1
        if let file = server.ready(parser.head, bytes, at: connection.loop.now) {
            if parser.head.keepsAlive && !isLast {
                let answer = file.answer
                let count = parser.head.method == .get ? answer.count : file.headCount
                return connection.write(answer.span.extracting(first: count)) == .taken
            }
            connection.write(file.closingHead)
            let answer = file.answer
            if parser.head.method == .get { connection.write(answer.span.extracting(droppingFirst: file.headCount)) }
            end(connection)
            return false
        }
        return answerOtherwise(bytes, content: content, connection)
    }

    @inline(never)
    private func answerOtherwise(_ bytes: RawSpan, content: [UInt8], _ connection: Connection) -> Bool {
        let closes = !parser.head.keepsAlive || isLast
        let now = connection.loop.now
        do throws(HTTPRefusal) {
            let reply = try server.reply(to: parser.head, bytes, content: content, closes: closes, at: now)
            let mayGoOn = send(reply, connection)
            if closes { end(connection) }
            return mayGoOn
        } catch {
            answered -= 1
            refuse(error, connection)
            return false
        }
    }

    private func send(_ reply: consuming HTTPReply, _ connection: Connection) -> Bool {
        switch consume reply {
        case .bytes(let bytes): return connection.write(bytes) == .taken
        case .file(let head, let file, let part, let place):
            connection.write(head)
            // One file at a time: a pipeline of requests must not be a pipeline of open files.
            isSendingFile = true
            connection.pauseReading()
            let result = connection.sendFile(file.descriptor, from: Int64(part.lowerBound), count: part.count) { _ in
                // The connection keeps this closure, and with it the place, as long as the file is open.
                withExtendedLifetime(place) { self.isSendingFile = false }
                connection.resumeReading()
                if self.isLast { self.end(connection) }
            }
            if result == .closed { isSendingFile = false }
            return false
        }
    }

    /// Answers what is no request, and ends the connection.
    private func refuse(_ refusal: HTTPRefusal, _ connection: Connection) {
        refused += 1
        let isHead = parser.head.method == .head
        connection.write(server.refusal(refusal, isHead: isHead, at: connection.loop.now))
        end(connection)
    }

    /// Nothing more is answered; the connection is closed when all is sent.
    private func end(_ connection: Connection) {
        isOver = true
        kept = []
        body = nil
        stopDeadline(connection)
        connection.close()
    }

    // MARK: Time

    private func startDeadline(_ time: Duration, _ connection: Connection) {
        guard deadline == nil else { return }
        deadline = connection.loop.schedule(after: time) { [weak self] in
            self?.deadlineReached(time, connection)
        }
    }

    private func stopDeadline(_ connection: Connection) {
        if let deadline { connection.loop.cancel(deadline) }
        (deadline, bodyClock) = (nil, nil)
    }

    /// Looks at the rate of the body when it would be too slow without another byte.
    private func watchBody(until time: MonotonicTime, _ connection: Connection) {
        let loop = connection.loop
        deadline = loop.schedule(after: loop.now.duration(to: time)) { [weak self] in
            self?.bodyDeadlineReached(connection)
        }
    }

    private func bodyDeadlineReached(_ connection: Connection) {
        deadline = nil
        let now = connection.loop.now
        // While we do not read, it is no fault of the peer's.
        if connection.isReadingPaused { bodyClock?.restart(at: now) }
        guard let clock = bodyClock else { return }
        if clock.deadline > now { return watchBody(until: clock.deadline, connection) }
        refuse(HTTPRefusal(408, "the body comes in too slowly"), connection)
    }

    private func deadlineReached(_ time: Duration, _ connection: Connection) {
        deadline = nil
        // While we do not read, it is no fault of the peer's.
        if connection.isReadingPaused { return startDeadline(time, connection) }
        refuse(HTTPRefusal(408, "the request took too long"), connection)
    }
}
