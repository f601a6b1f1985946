// Sending lists and files. The kernel sends a file (sendfile(2)) while threads of the pool hash it; the hash follows
// the content, in a frame of its own.

import FoundationEssentials
internal import Reactor
internal import ServedFiles

extension TransferSession {
    /// An entry of a list, as encoded in JSON.
    private struct Line: Encodable {
        let name: String
        let kind: String
        let size: Int
        let modified: Int
        /// Set only for a name that is not valid UTF-8, which JSON cannot express; no request can name it.
        let escaped: Bool?
    }

    func list(_ header: TransferHeader, _ connection: Connection) {
        let (store, limits) = (server.store, server.limits)
        let name = header.name ?? ""
        work(connection) { () throws(TransferError) -> (content: [UInt8], hasMore: Bool) in
            let (entries, hasMore) = try TransferError.wrap { () throws(FileAccessError) in
                try store.entries(of: name, limit: limits.listed)
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            var content = Array("[".utf8)
            for entry in entries {
                let name = String(validating: entry.name, as: UTF8.self)
                let entryLine = Line(
                    name: name ?? entry.escapedName, kind: entry.kind.rawValue, size: entry.size,
                    modified: entry.modified, escaped: name == nil ? true : nil)
                guard let line = try? encoder.encode(entryLine) else { continue }
                if content.count + line.count > limits.list { return (content + Array("]".utf8), true) }
                if content.count > 1 { content.append(UInt8(ascii: ",")) }
                content += line
            }
            return (content + Array("]".utf8), hasMore)
        } then: { [self] outcome in
            switch outcome {
            case .success(let list):
                var reply = TransferHeader(status: list.hasMore ? "more" : "done")
                reply.contentType = "application/json"
                reply.contentLength = list.content.count
                respond(reply, with: list.content, connection)
            case .failure(let error): sendRefusal(error, connection)
            }
        }
    }

    func send(_ header: TransferHeader, _ connection: Connection) {
        guard let name = header.name else { return refuse(.badRequest, "'get' needs a name", connection) }
        let offset = header.offset ?? 0
        guard offset >= 0 else { return refuse(.badRequest, "a negative offset", connection) }
        if offset > 0 && header.prefixSHA256 == nil {
            return refuse(.badRequest, "an offset needs the SHA-256 of the bytes before it", connection)
        }
        let store = server.store
        let place: FilePlace
        do throws(TransferError) { place = try server.takePlace() } catch { return sendRefusal(error, connection) }
        work(connection) { () throws(TransferError) in
            try TransferError.wrap { () throws(FileAccessError) in try store.open(name) }
        } then: { [self] outcome in
            switch outcome {
            case .success(let file) where offset > file.size:
                sendRefusal(TransferError(.changed, "the file has only \(file.size) bytes"), connection)
            case .success(let file): send(file, place, from: offset, header.prefixSHA256, connection)
            case .failure(let error): sendRefusal(error, connection)
            }
        }
    }

    private func sendRefusal(_ error: TransferError, _ connection: Connection) {
        respond(TransferHeader(error), connection)
        becomeIdle(connection)
    }

    /// Sends from an offset, if the client's part matches the beginning of the file.
    private func send(
        _ file: any StoredFile, _ place: FilePlace, from offset: Int, _ prefix: String?, _ connection: Connection
    ) {
        let hashing = FileHashing(connection.loop, file, RunningHash(server.hashType))
        self.hashing = hashing
        if offset == 0 { return send(file, place, from: 0, hashing, connection) }
        hashing.run(to: offset) { [self] outcome in
            switch outcome {
            case .success(prefix): send(file, place, from: offset, hashing, connection)
            case .success:
                sendRefusal(TransferError(.changed, "the beginning of the file differs; start over"), connection)
            case .failure(let error): sendRefusal(error, connection)
            }
        }
    }

    private func send(
        _ file: any StoredFile, _ place: FilePlace, from offset: Int, _ hashing: FileHashing, _ connection: Connection
    ) {
        let descriptor: OwnedDescriptor
        do throws(FileAccessError) { descriptor = try file.duplicate() } catch {
            return sendRefusal(TransferError(error), connection)
        }
        var reply = TransferHeader(status: "sending")
        (reply.size, reply.offset, reply.modified) = (file.size, offset, file.modified)
        (reply.contentLength, reply.contentType) = (file.size - offset, "application/octet-stream")
        respond(reply, connection)
        // The next request waits until content and hash are sent, so that at most one file per client is queued.
        var isSent = false
        var trailer: TransferHeader?
        let finish = { [self] in
            guard isSent, trailer != nil, !isOver else { return }
            self.hashing = nil
            becomeIdle(connection)
        }
        let answered = { [self] (header: TransferHeader) in
            if isOver { return }
            trailer = header
            respond(header, connection)
            finish()
        }
        connection.sendFile(descriptor, from: Int64(offset), count: file.size - offset) { _ in
            // The connection keeps this closure, and with it the place, as long as it keeps the descriptor.
            withExtendedLifetime(place) { isSent = true }
            finish()
        }
        if let hash = server.knownHash(of: file.version) { return answered(Self.done(hash)) }
        hashing.run(to: file.size) { [self] outcome in
            defer { withExtendedLifetime(place) {} }  // hashing keeps the file open, too
            switch outcome {
            case .success(let hash):
                server.remember(hash, of: file.version)
                answered(Self.done(hash))
            case .failure(let error): answered(TransferHeader(error))
            }
        }
    }

    private static func done(_ hash: String) -> TransferHeader {
        var trailer = TransferHeader(status: "done")
        trailer.sha256 = hash
        return trailer
    }
}
