// A file being downloaded. It has a temporary name until it is complete and its hash matches the server's; if the
// connection is lost before that, the partial file is kept under that name, and the next attempt resumes it.
//
//     hashing the partial --> asked --sending--> arriving --complete--> awaiting the hash --> flushing --equal--> over
//            ^                  |                    |                                          +--different: removed
//            +--- start over ---+ changed            +--lost: the partial file is kept

internal import Reactor
package import ServedFiles

/// The local destination of a download. Its methods may block; they are called on threads of the pool.
package protocol DownloadTarget: FileSink {
    /// Returns the partial file that an earlier attempt left; empty if there was no such attempt.
    func partial() throws(FileAccessError) -> any StoredFile
    /// Discards the partial file.
    func reset() throws(FileAccessError)
}

/// An operation that downloads a file, resuming an earlier attempt if possible.
package final class Download: TransferOperation {
    private let name: String
    private let target: any DownloadTarget
    private let hashType: any TransferHash.Type
    private let replaces: Bool
    private let completed: (Result<TransferHeader, TransferError>) -> Void
    private var file: IncomingFile?
    private var offset = 0
    private var reply = TransferHeader()
    private var isOver = false
    private var isLost = false

    /// Creates a download.
    ///
    /// - Parameters:
    ///   - name: the file's name on the server.
    ///   - target: the local destination.
    ///   - hash: the hash implementation.
    ///   - replaces: whether to replace a local file of the name.
    ///   - completed: called with the header of the file, or with the error.
    package init(
        _ name: String, to target: any DownloadTarget, hash: any TransferHash.Type, replaces: Bool,
        completed: @escaping (Result<TransferHeader, TransferError>) -> Void
    ) {
        self.name = name
        self.target = target
        hashType = hash
        self.replaces = replaces
        self.completed = completed
    }

    /// The bytes present, and the total size; `nil` before the server has sent the size.
    package var progress: (done: Int, total: Int)? { reply.size.map { (file?.received ?? 0, $0) } }

    /// The number of bytes present from an earlier attempt.
    package var resumedAt: Int { offset }

    override func begin(_ client: TransferClient) {
        guard let loop = client.loop else { return }
        let target = target
        loop.offloadPatiently { () throws(TransferError) in
            try TransferError.wrap { () throws(FileAccessError) in try target.partial() }
        } then: { [self] outcome in
            switch outcome {
            case .success(let partial) where partial.size > 0:
                let hashing = FileHashing(loop, partial, RunningHash(hashType))
                hashing.run(to: partial.size) { [self] outcome in
                    switch outcome {
                    case .success(let prefix): ask(behind: hashing.hash, prefix)
                    case .failure(let error): end(.failure(error))
                    }
                }
            case .success: ask(behind: RunningHash(hashType), nil)
            case .failure(let error): end(.failure(error))
            }
        }
    }

    private func ask(behind hash: RunningHash, _ prefix: String?) {
        guard let client, let loop = client.loop, !isOver else { return }
        offset = hash.count
        file = IncomingFile(loop, target, hash)
        var request = TransferHeader(command: "get", name: name)
        if offset > 0 { (request.offset, request.prefixSHA256) = (offset, prefix) }
        client.send(request)
    }

    override func received(_ header: TransferHeader) {
        if let error = header.refusal {
            if error.code == .changed && offset > 0 && reply.size == nil { return restart() }
            return fail(error)
        }
        if reply.size == nil {
            guard let size = header.size, let length = header.contentLength, header.offset ?? 0 == offset,
                size - offset == length
            else { return fail(TransferError(.malformed, "the server sent inconsistent sizes")) }
            reply = header
        } else if let hash = header.sha256 {
            finish(hash)
        } else {
            fail(TransferError(.malformed, "the server sent no hash"))
        }
    }

    /// Starts over, because the server's file has changed.
    private func restart() {
        guard let loop = client?.loop else { return }
        let target = target
        loop.offloadPatiently { () throws(TransferError) in
            try TransferError.wrap { () throws(FileAccessError) in try target.reset() }
        } then: { [self] outcome in
            switch outcome {
            case .success: ask(behind: RunningHash(hashType), nil)
            case .failure(let error): end(.failure(error))
            }
        }
    }

    override func received(_ bytes: RawSpan) {
        guard let file, let client else { return }
        file.take(bytes)
        if let error = file.failure {
            // Only a reset stops the content that is still on its way.
            end(.failure(error))
            return client.abort()
        }
        guard file.isFull else { return }
        client.pause()
        file.notifyRoom { [weak client] in client?.resume() }
    }

    private func finish(_ hash: String) {
        guard let file, let loop = client?.loop else { return }
        file.flush { [self] failure in
            if let failure { return end(.failure(failure)) }
            guard file.hash.hexadecimal == hash else {
                file.discard()
                let text = "the SHA-256 differs from the server's; the file was not kept"
                return end(.failure(TransferError(.mismatch, text)))
            }
            reply.sha256 = hash
            let (target, replaces) = (target, replaces)
            loop.offloadPatiently { () throws(TransferError) in
                try TransferError.wrap { () throws(FileAccessError) in try target.commit(replacing: replaces) }
            } then: { [self] outcome in
                end(outcome.map { reply })
            }
        }
    }

    /// Handles a refusal before the content or in place of the hash, without leaving an empty file behind.
    private func fail(_ error: TransferError) {
        if file?.received ?? 0 == 0 { file?.discard() }
        end(.failure(error))
    }

    private func end(_ result: Result<TransferHeader, TransferError>) {
        if isOver { return }
        isOver = true
        if let client, !isLost { client.finish { completed(result) } } else { completed(result) }
    }

    override func lost(_ error: TransferError) {
        if isOver { return }
        isLost = true
        guard let file, reply.size != nil else {
            self.file?.discard()
            return end(.failure(error))
        }
        // Write what has arrived, so that it need not be sent again.
        file.flush { [self] _ in end(.failure(error)) }
    }
}
