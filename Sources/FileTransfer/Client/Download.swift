// A file on its way to this side. It has another name until it is complete and its hash is the server's; when the
// connection is lost before, what has arrived stays under that name, and the next attempt goes on behind it.
//
//     hashing what is there --> asked --sending--> arriving --all of it--> awaiting the hash --> flushing --equal--> over
//            ^                   |                    |                                            +--other: removed
//            +-- begin anew -----+ changed            +--lost: what is there is kept

import Reactor
public import ServedFiles

/// The place of a download on this side. Its calls may block and come from threads of the pool.
public protocol DownloadTarget: FileSink {
    /// What is there of an earlier attempt.
    func partial() throws(FileAccessError) -> any StoredFile
    /// Throws that away.
    func reset() throws(FileAccessError)
}

/// Gets a file.
public final class Download: TransferOperation {
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

    /// A download.
    ///
    /// - Parameters:
    ///   - name: the file at the server.
    ///   - target: where to.
    ///   - hash: what computes hashes.
    ///   - replaces: whether a file of the name on this side is replaced.
    ///   - completed: told the header of the file, or why there is none.
    public init(
        _ name: String, to target: any DownloadTarget, hash: any TransferHash.Type, replaces: Bool,
        completed: @escaping (Result<TransferHeader, TransferError>) -> Void
    ) {
        self.name = name
        self.target = target
        hashType = hash
        self.replaces = replaces
        self.completed = completed
    }

    /// Bytes that are there, and in all; `nil` before the server has said how many.
    public var progress: (done: Int, total: Int)? { reply.size.map { (file?.received ?? 0, $0) } }

    /// How many bytes were there from an earlier attempt.
    public var resumedAt: Int { offset }

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
            if error.code == .changed && offset > 0 && reply.size == nil { return beginAnew() }
            return fail(error)
        }
        if reply.size == nil {
            guard let size = header.size, let length = header.contentLength, header.offset ?? 0 == offset,
                size - offset == length
            else { return fail(TransferError(.malformed, "the server's sizes do not fit together")) }
            reply = header
        } else if let hash = header.sha256 {
            finish(hash)
        } else {
            fail(TransferError(.malformed, "the server sent no hash"))
        }
    }

    /// The server's file is another one by now.
    private func beginAnew() {
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
            // What is on its way cannot be stopped otherwise.
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
                let text = "what arrived is not what the server has: the SHA-256 differs; nothing was kept"
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

    /// A refusal, before anything has arrived or in place of the hash: an empty file is not left behind.
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
        // What has arrived is written, so that it need not be sent again.
        file.flush { [self] _ in end(.failure(error)) }
    }
}
