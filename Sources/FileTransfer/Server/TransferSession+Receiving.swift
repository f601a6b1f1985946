// Receiving files. A file has a temporary name until it is complete and its hash matches the client's; on any earlier
// failure it is removed. Only a partial file that the client asked to keep survives an interruption, for a while.

internal import Reactor
internal import ServedFiles

/// A file being received, with its place among the open files for as long as it is open.
private final class PlacedSink: FileSink {
    private let sink: any FileSink
    private let place: FilePlace

    init(_ sink: any FileSink, _ place: FilePlace) { (self.sink, self.place) = (sink, place) }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileAccessError) {
        // Safe: the caller's bytes are valid for the call.
        try unsafe sink.write(bytes, at: offset)
    }

    func commit(replacing: Bool) throws(FileAccessError) { try sink.commit(replacing: replacing) }

    func discard() { sink.discard() }
}

/// An upload in progress.
final class Reception {
    let key: TransferServer.UploadKey
    let replaces: Bool
    let isResumable: Bool
    /// The hash, if the client announced it in the `put`.
    let sha256: String?
    let file: IncomingFile
    /// Whether the upload was refused already; the rest of its content is discarded.
    var isRefused = false

    init(_ header: TransferHeader, _ key: TransferServer.UploadKey, _ file: IncomingFile) {
        self.key = key
        replaces = header.replaces ?? false
        isResumable = header.isResumable ?? false
        sha256 = header.sha256
        self.file = file
    }
}

extension TransferSession {
    /// Replies whether the server would accept a file, and from which offset.
    func prepare(_ header: TransferHeader, _ connection: Connection) {
        guard let name = header.name, let size = header.size, size >= 0 else {
            return refuse(.badRequest, "'prepare' needs a name and a size", connection)
        }
        guard server.isWritable else { return refuse(Self.readOnly, connection) }
        let (store, replaces) = (server.store, header.replaces ?? false)
        let kept = server.kept(TransferServer.UploadKey(name: name, size: size))
        let place: FilePlace
        do throws(TransferError) { place = try server.takePlace() } catch { return refuse(error, connection) }
        work(connection) { () throws(TransferError) in
            defer { withExtendedLifetime(place) {} }
            try TransferError.wrap { () throws(FileAccessError) in
                // A trial creation shows whether it is possible; a name taken in the meantime is reported by the
                // commit.
                try store.create(name).discard()
                guard let entry = try store.entry(name) else { return }
                if !replaces { throw FileAccessError(.exists) }
                if entry.kind != .file { throw FileAccessError(.noFile) }
            }
        } then: { [self] outcome in
            switch outcome {
            case .success:
                var reply = TransferHeader(status: "ready")
                reply.offset = kept?.offset ?? 0
                reply.prefixSHA256 = kept?.hash
                respond(reply, connection)
            case .failure(let error): respond(TransferHeader(error), connection)
            }
            becomeIdle(connection)
        }
    }

    private static let readOnly = TransferError(.readOnly, "this server takes no files")

    /// Begins or resumes an upload.
    func receive(_ header: TransferHeader, _ connection: Connection) {
        let (length, offset) = (header.contentLength ?? 0, header.offset ?? 0)
        guard let name = header.name else { return refuse(.badRequest, "'put' needs a name", connection) }
        guard server.isWritable else { return refuse(Self.readOnly, connection) }
        let (size, isTooLarge) = offset.addingReportingOverflow(length)
        guard offset >= 0, !isTooLarge, size == header.size ?? size else {
            return refuse(.badRequest, "offset and content-length do not add up to the size", connection)
        }
        let key = TransferServer.UploadKey(name: name, size: size)
        if offset > 0 { return goOn(header, key, from: offset, connection) }
        if let old = server.takeKept(key) { discard(old.sink, connection) }
        let (store, replaces) = (server.store, header.replaces ?? false)
        let place: FilePlace
        do throws(TransferError) { place = try server.takePlace() } catch { return refuse(error, connection) }
        work(connection) { () throws(TransferError) in
            try TransferError.wrap { () throws(FileAccessError) in
                if !replaces, try store.entry(name) != nil { throw FileAccessError(.exists) }
                return PlacedSink(try store.create(name), place)
            }
        } then: { [self] outcome in
            switch outcome {
            case .success(let sink):
                let file = IncomingFile(connection.loop, sink, RunningHash(server.hashType))
                activity = .receiving(Reception(header, key, file))
            case .failure(let error): refuse(error, connection)
            }
            readOn(connection)
        }
    }

    private func goOn(
        _ header: TransferHeader, _ key: TransferServer.UploadKey, from offset: Int, _ connection: Connection
    ) {
        guard let kept = server.takeKept(key) else {
            return refuse(.changed, "no part of this upload is kept; start over", connection)
        }
        guard kept.hash.count == offset, kept.hash.hexadecimal == header.prefixSHA256 else {
            discard(kept.sink, connection)
            return refuse(.changed, "the kept part of this upload differs; start over", connection)
        }
        let file = IncomingFile(connection.loop, kept.sink, kept.hash)
        activity = .receiving(Reception(header, key, file))
    }

    private func discard(_ sink: any FileSink, _ connection: Connection) {
        connection.loop.offloadPatiently { () throws(TransferError) in
            sink.discard()
        } then: { _ in
        }
    }

    // MARK: Bytes

    func take(_ bytes: RawSpan, for reception: Reception, _ connection: Connection) {
        let file = reception.file
        file.take(bytes)
        if let error = file.failure { return refuse(error, reception, connection) }
        guard file.isFull else { return }
        pause(connection)
        file.notifyRoom { [self] in
            if isOver { return }
            if let error = file.failure { refuse(error, reception, connection) }
            readOn(connection)
        }
    }

    /// Refuses an upload that has begun; the rest of its content is discarded.
    private func refuse(_ error: TransferError, _ reception: Reception, _ connection: Connection) {
        if reception.isRefused { return }
        reception.isRefused = true
        reception.file.discard()
        refuse(error, connection)
    }

    /// Called when the content is complete.
    func contentEnded(_ reception: Reception, _ connection: Connection) {
        if let hash = reception.sha256 { return store(reception, ifHashIs: hash, connection) }
        // A client that hashes while it sends announces the hash in the next frame.
        activity = .idle
        unsealed = reception
        connection.expectMessage(within: .seconds(60))
    }

    func seal(_ reception: Reception, with header: TransferHeader, _ connection: Connection) {
        guard header.command == "seal", let hash = header.sha256, header.contentLength ?? 0 == 0 else {
            let text = "a 'put' without a hash must be followed by a 'seal' with it; the file was not kept"
            return refuse(TransferError(.badRequest, text), reception, connection)
        }
        store(reception, ifHashIs: hash, connection)
    }

    private func store(_ reception: Reception, ifHashIs hash: String, _ connection: Connection) {
        activity = .working
        pause(connection)
        let file = reception.file
        file.flush { [self] failure in
            let mine = file.hash.hexadecimal
            if let error = failure ?? Self.mismatch(mine, hash) {
                file.discard()
                if isOver { return }
                respond(TransferHeader(error), connection)
                return becomeIdle(connection)
            }
            let (sink, replaces) = (file.sink, reception.replaces)
            // Even if the client is gone, because it has sent everything.
            connection.loop.offloadPatiently { () throws(TransferError) in
                try TransferError.wrap { () throws(FileAccessError) in try sink.commit(replacing: replaces) }
            } then: { [self] outcome in
                if isOver { return }
                var reply = TransferHeader(status: "stored")
                (reply.size, reply.sha256) = (file.received, mine)
                if case .failure(let error) = outcome { reply = TransferHeader(error) }
                respond(reply, connection)
                becomeIdle(connection)
            }
        }
    }

    private static func mismatch(_ mine: String, _ theirs: String) -> TransferError? {
        // Hexadecimal digits in upper case are accepted, too.
        mine == theirs.lowercased()
            ? nil : TransferError(.mismatch, "the received file has the SHA-256 \(mine); the file was not kept")
    }

    // MARK: Interruption

    /// Called when the client disconnects in the middle of an upload.
    func interrupted(_ reception: Reception, _ connection: Connection) {
        if reception.isRefused { return }
        reception.isRefused = true
        guard reception.isResumable else { return reception.file.discard() }
        let (file, server, loop) = (reception.file, server, connection.loop)
        file.flush { failure in
            guard failure == nil, file.hash.count > 0, server.keep(file.sink, file.hash, reception.key, loop) else {
                return file.discard()
            }
        }
    }
}
