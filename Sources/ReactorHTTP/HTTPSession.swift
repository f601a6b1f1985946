// Drives one connection: requests in, responses out, in order. Parsing is the parser's job, and the meaning of a
// request is the server's.
//
//     head --complete, no body--> response --+--> next head, from buffered input or later input
//       |                            ^       |
//       +--complete--> body --complete       +--> over: the connection closes when all output is sent
//       +--malformed or too slow: rejected --^
//
// The session handles a budget of requests per turn, and none while earlier output is above the watermark or a file is
// being sent. Input that arrived meanwhile is held, and reading pauses (Connection+Holding.swift). Memory is therefore
// bounded by the limits of a request plus one receive.

public import Reactor

/// The connection handler of HTTP/1.1: parses requests and sends the responses of an ``HTTPFileServer``, in order.
///
/// Create one per connection, on the loop of its server. It supports keep-alive and pipelining, and closes the
/// connection after a rejected request.
public final class HTTPSession: ConnectionHandler {
    private let server: HTTPFileServer
    private var parser: HTTPRequestParser
    /// Unprocessed input: part of a head, or held requests.
    private var kept: [UInt8] = []
    private var body: HTTPBody?
    /// The average rate of the body that is being received.
    private var bodyClock: UploadClock?
    /// The deadline of the head that is being received, or the next check of the body's rate.
    private var deadline: LoopTimer?
    private var responses = 0
    private var rejected = 0
    private var isSendingFile = false
    /// Whether the next response, or the one that is being sent, is the last.
    private var isLast = false
    private var isOver = false

    /// Creates the handler of one connection.
    ///
    /// - Parameter server: the server of the connection's loop.
    public init(_ server: HTTPFileServer) {
        self.server = server
        parser = HTTPRequestParser(server.limits)
    }

    /// Handles complete requests and keeps the rest of the input.
    public func received(_ bytes: RawSpan, on connection: Connection) {
        if !kept.isEmpty {
            kept += bytes.bytes(at: 0..<bytes.byteCount)
            return takeKept(connection)
        }
        let used = take(bytes, connection)
        if used < bytes.byteCount { kept = bytes.bytes(at: used..<bytes.byteCount) }
    }

    /// Continues with the held requests.
    public func resumed(_ connection: Connection) { takeKept(connection) }

    /// Finishes the request in progress and closes; an idle connection between two requests is closed at once. A new
    /// connection may still send its first request.
    public func draining(_ connection: Connection) {
        isLast = true
        if responses > 0 && kept.isEmpty && body == nil && !isSendingFile { end(connection) }
    }

    /// Stops the timer and adds the connection's requests to the server's ``HTTPCounts``.
    public func closed(_ connection: Connection, reason: CloseReason) {
        stopDeadline(connection)
        server.counts?.add(responses: responses, rejected: rejected)
    }

    private func takeKept(_ connection: Connection) {
        guard !kept.isEmpty else { return }
        let input = kept
        kept = []
        let used = unsafe take(input.span.bytes, connection)  // safe: UInt8 has no padding
        if used == 0 { kept = input } else if used < input.count { kept = Array(input[used...]) }
    }

    // MARK: Requests

    /// Handles as many requests as the budget and backpressure allow; returns the number of bytes consumed.
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
                // Safe: UInt8 has no padding.
                mayGoOn = unsafe respond(to: whole.head.span.bytes, content: whole.content, connection)
                budget -= 1
                continue
            }
            guard mayGoOn && budget > 0 else {
                connection.holdInput()
                return offset
            }
            let rest = bytes.extracting(offset...)
            do throws(HTTPRequestError) {
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
                reject(error, connection)
                break
            }
            mayGoOn = respond(to: rest, content: [], connection)
            budget &-= 1
        }
        return bytes.byteCount
    }

    /// Begins a request with a body.
    ///
    /// - Parameters:
    ///   - head: the bytes of the request head.
    ///   - isAlone: whether no input follows the head.
    ///   - connection: the connection.
    /// - Throws: ``HTTPRequestError`` if the announced body is too large.
    private func begin(_ head: RawSpan, isAlone: Bool, _ connection: Connection) throws(HTTPRequestError) {
        let isWanted = server.wantsBody(parser.head, head)
        if parser.head.expectsContinue && !isWanted {
            // The final response goes out at once, so that the client can omit the body. Whether it sends the body
            // anyway is unknown, so this request must be the last one (RFC 9110, 10.1.1).
            isLast = true
            _ = respond(to: head, content: [], connection)
            return
        }
        body = try HTTPBody(parser.head.body, head: head, keeps: isWanted, server.limits)
        let clock = UploadClock(server.limits.bodyRate, at: connection.loop.now)
        bodyClock = clock
        watchBody(until: clock.deadline, connection)
        if parser.head.expectsContinue && isAlone { connection.write("HTTP/1.1 100 Continue\r\n\r\n") }
    }

    private func takeBody(_ bytes: RawSpan, from offset: Int, _ connection: Connection) -> Int? {
        do throws(HTTPRequestError) {
            let end = try body?.take(bytes, from: offset)
            bodyClock?.received((end ?? offset) - offset)
            return end
        } catch {
            reject(error, connection)
            return nil
        }
    }

    // MARK: Responses

    /// Responds to the request whose head was parsed.
    ///
    /// - Parameters:
    ///   - bytes: the bytes that the head was parsed from.
    ///   - content: the body, if the server wanted it.
    ///   - connection: the connection.
    /// - Returns: Whether the next request may be handled now.
    @inline(__always)
    private func respond(to bytes: RawSpan, content: [UInt8], _ connection: Connection) -> Bool {
        responses &+= 1
        if let file = server.ready(parser.head, bytes, at: connection.loop.now) {
            if parser.head.keepsAlive && !isLast {
                let response = file.response
                let count = parser.head.method == .get ? response.count : file.headCount
                return connection.write(response.span.extracting(first: count)) == .taken
            }
            connection.write(file.closingHead)
            let response = file.response
            if parser.head.method == .get { connection.write(response.span.extracting(droppingFirst: file.headCount)) }
            end(connection)
            return false
        }
        return respondOtherwise(to: bytes, content: content, connection)
    }

    @inline(never)
    private func respondOtherwise(to bytes: RawSpan, content: [UInt8], _ connection: Connection) -> Bool {
        let closes = !parser.head.keepsAlive || isLast
        let now = connection.loop.now
        do throws(HTTPRequestError) {
            let response = try server.response(to: parser.head, bytes, content: content, closes: closes, at: now)
            let mayGoOn = send(response, connection)
            if closes { end(connection) }
            return mayGoOn
        } catch {
            responses -= 1
            reject(error, connection)
            return false
        }
    }

    private func send(_ response: consuming HTTPResponse.Serialized, _ connection: Connection) -> Bool {
        switch consume response {
        case .bytes(let bytes): return connection.write(bytes) == .taken
        case .file(let head, let file, let part, let place):
            connection.write(head)
            // One file at a time, so that a pipeline of requests does not become a pipeline of open files.
            isSendingFile = true
            connection.pauseReading()
            let result = connection.sendFile(file.descriptor, from: Int64(part.lowerBound), count: part.count) { _ in
                // The connection keeps this closure, and thereby the budget's place, for as long as the file is open.
                withExtendedLifetime(place) { self.isSendingFile = false }
                connection.resumeReading()
                if self.isLast { self.end(connection) }
            }
            if result == .closed { isSendingFile = false }
            return false
        }
    }

    /// Responds to a rejected request and ends the connection.
    private func reject(_ error: HTTPRequestError, _ connection: Connection) {
        rejected += 1
        let isHead = parser.head.method == .head
        connection.write(server.response(to: error, isHead: isHead, at: connection.loop.now))
        end(connection)
    }

    /// Stops handling requests; the connection closes when all output is sent.
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

    /// Schedules the check of the body's rate for the time at which it falls below the minimum without further input.
    private func watchBody(until time: MonotonicTime, _ connection: Connection) {
        let loop = connection.loop
        deadline = loop.schedule(after: loop.now.duration(to: time)) { [weak self] in
            self?.bodyDeadlineReached(connection)
        }
    }

    private func bodyDeadlineReached(_ connection: Connection) {
        deadline = nil
        let now = connection.loop.now
        // While reading is paused, the delay is not the peer's fault.
        if connection.isReadingPaused { bodyClock?.restart(at: now) }
        guard let clock = bodyClock else { return }
        if clock.deadline > now { return watchBody(until: clock.deadline, connection) }
        reject(HTTPRequestError(408, "the body arrived too slowly"), connection)
    }

    private func deadlineReached(_ time: Duration, _ connection: Connection) {
        deadline = nil
        // While reading is paused, the delay is not the peer's fault.
        if connection.isReadingPaused { return startDeadline(time, connection) }
        reject(HTTPRequestError(408, "the request head did not arrive in time"), connection)
    }
}
