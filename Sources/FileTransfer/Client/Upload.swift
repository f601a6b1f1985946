// A file being uploaded: asks whether the server accepts it and from which offset, sends it (sendfile(2)) while hashing
// it, and sends the hash last.
//
//     asking --ready--> hashing the server's part --equal, or from the start--> sending and hashing --> sealed --> over
//        +-- refused: over                               (refused at any time: over, the connection is reset)

internal import Reactor
internal import ServedFiles

/// An operation that uploads a file, resuming an earlier attempt if possible.
package final class Upload: TransferOperation {
    private let name: String
    private let file: any StoredFile
    private let hashType: any TransferHash.Type
    private let replaces: Bool
    private let completed: (Result<TransferHeader, TransferError>) -> Void
    private var hashing: FileHashing?
    private var offset = 0
    private enum Stage { case asking, checking, sending, sealed, over }
    private var stage = Stage.asking

    /// Creates an upload.
    ///
    /// - Parameters:
    ///   - file: the file to send.
    ///   - name: its name on the server.
    ///   - hash: the hash implementation.
    ///   - replaces: whether to replace a file of this name on the server.
    ///   - completed: called with the server's reply, or with the reason why the file was not stored.
    package init(
        _ file: any StoredFile, as name: String, hash: any TransferHash.Type, replaces: Bool,
        completed: @escaping (Result<TransferHeader, TransferError>) -> Void
    ) {
        self.file = file
        self.name = name
        hashType = hash
        self.replaces = replaces
        self.completed = completed
    }

    /// The bytes sent, and the total size; `nil` before the content is sent.
    package var progress: (done: Int, total: Int)? {
        switch stage {
        case .asking, .checking: nil
        case .sending, .sealed, .over: (file.size - (client?.queuedFileBytes ?? 0), file.size)
        }
    }

    /// The number of bytes that the server had from an earlier attempt.
    package var resumedAt: Int { offset }

    override func begin(_ client: TransferClient) {
        var request = TransferHeader(command: "prepare", name: name)
        (request.size, request.replaces) = (file.size, replaces)
        client.send(request)
    }

    override func received(_ header: TransferHeader) {
        if let error = header.refusal {
            let isInTheMiddle = stage == .sending
            end(.failure(error))
            // The rest of the announced content is still queued.
            if isInTheMiddle { client?.abort() }
            return
        }
        switch stage {
        case .asking:
            stage = .checking
            check(header.offset ?? 0, header.prefixSHA256)
        case .sealed: end(.success(header))
        case .checking, .sending: end(.failure(TransferError(.malformed, "the server sent an unexpected reply")))
        case .over: return
        }
    }

    /// Resumes where the server's part ends, if that is the beginning of this file; starts over otherwise.
    private func check(_ kept: Int, _ prefix: String?) {
        guard let loop = client?.loop else { return }
        let hashing = FileHashing(loop, file, RunningHash(hashType))
        self.hashing = hashing
        guard kept > 0, kept < file.size, let prefix else { return send(from: 0, nil) }
        hashing.run(to: kept) { [self] outcome in
            switch outcome {
            case .success(prefix): send(from: kept, prefix)
            case .success:
                self.hashing = FileHashing(loop, file, RunningHash(hashType))
                send(from: 0, nil)
            case .failure(let error): end(.failure(error))
            }
        }
    }

    private func send(from offset: Int, _ prefix: String?) {
        guard let client, let hashing else { return }
        self.offset = offset
        let descriptor: OwnedDescriptor
        do throws(FileAccessError) { descriptor = try file.duplicate() } catch {
            return end(.failure(TransferError(error)))
        }
        stage = .sending
        var request = TransferHeader(command: "put", name: name)
        (request.size, request.contentLength) = (file.size, file.size - offset)
        (request.replaces, request.isResumable) = (replaces, true)
        if offset > 0 { (request.offset, request.prefixSHA256) = (offset, prefix) }
        client.send(request)
        client.sendFile(descriptor, from: offset, count: file.size - offset)
        hashing.run(to: file.size) { [self] outcome in
            switch outcome {
            case .success(let hash) where stage == .sending:
                stage = .sealed
                var seal = TransferHeader(command: "seal")
                seal.sha256 = hash
                client.send(seal)
            case .success: return
            case .failure(let error):
                end(.failure(error))
                client.abort()
            }
        }
    }

    private func end(_ result: Result<TransferHeader, TransferError>) {
        if stage == .over { return }
        stage = .over
        hashing?.cancel()
        if let client { client.finish { completed(result) } } else { completed(result) }
    }

    override func lost(_ error: TransferError) {
        if stage == .over { return }
        stage = .over
        hashing?.cancel()
        completed(.failure(error))
    }
}
