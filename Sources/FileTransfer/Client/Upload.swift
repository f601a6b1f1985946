// A file on its way to the server: asks whether it is wanted and from where on, sends it (sendfile(2)) and hashes it
// meanwhile, and says the hash at the end.
//
//     asking --ready--> hashing what the server has --equal, or from the beginning--> sending and hashing --> sealed --> over
//        +-- refused: over                                    (refused at any time: over, the connection is reset)

import Reactor
import ServedFiles

/// Puts a file.
public final class Upload: TransferOperation {
    private let name: String
    private let file: any StoredFile
    private let hashType: any TransferHash.Type
    private let replaces: Bool
    private let completed: (Result<TransferHeader, TransferError>) -> Void
    private var hashing: FileHashing?
    private var offset = 0
    private enum Stage { case asking, checking, sending, sealed, over }
    private var stage = Stage.asking

    /// An upload.
    ///
    /// - Parameters:
    ///   - file: what to send.
    ///   - name: how the server is to call it.
    ///   - hash: what computes hashes.
    ///   - replaces: whether a file of this name at the server is replaced.
    ///   - completed: told the server's answer, or why it was not stored.
    public init(
        _ file: any StoredFile, as name: String, hash: any TransferHash.Type, replaces: Bool,
        completed: @escaping (Result<TransferHeader, TransferError>) -> Void
    ) {
        self.file = file
        self.name = name
        hashType = hash
        self.replaces = replaces
        self.completed = completed
    }

    /// Bytes that are sent, and in all.
    public var progress: (done: Int, total: Int)? {
        switch stage {
        case .asking, .checking: nil
        case .sending, .sealed, .over: (file.size - (client?.queuedFileBytes ?? 0), file.size)
        }
    }

    /// How many bytes the server had from an earlier attempt.
    public var resumedAt: Int { offset }

    override func begin(_ client: TransferClient) {
        var request = TransferHeader(command: "prepare", name: name)
        (request.size, request.replaces) = (file.size, replaces)
        client.send(request)
    }

    override func received(_ header: TransferHeader) {
        if let error = header.refusal {
            let isInTheMiddle = stage == .sending
            end(.failure(error))
            // The rest of the file is still promised.
            if isInTheMiddle { client?.abort() }
            return
        }
        switch stage {
        case .asking:
            stage = .checking
            check(header.offset ?? 0, header.prefixSHA256)
        case .sealed: end(.success(header))
        case .checking, .sending: end(.failure(TransferError(.malformed, "the server answered before it was asked")))
        case .over: return
        }
    }

    /// Goes on where the server has stopped, if it has the beginning of this file.
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
