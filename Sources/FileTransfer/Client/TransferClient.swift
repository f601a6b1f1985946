// The client's end of a connection: one operation at a time, which is told what the server answers. What operations do is
// in the files beside this one; when a user wants which, is the command line's.

public import Reactor

/// Something that a client does: begun once, told what comes, and over when it has told its outcome.
public class TransferOperation {
    fileprivate(set) weak var client: TransferClient?

    /// The connection is this operation's now.
    func begin(_ client: TransferClient) {}
    /// A header came.
    func received(_ header: TransferHeader) {}
    /// A part of its content came.
    func received(_ bytes: RawSpan) {}
    /// All of its content is there.
    func contentEnded() {}
    /// The connection is over.
    func lost(_ error: TransferError) {}
}

/// The handler of a client's connection.
public final class TransferClient: ConnectionHandler {
    private let connected: (TransferClient) -> Void
    private let ended: (TransferError) -> Void
    private var connection: Connection?
    private var parser = FrameParser()
    private var operation: TransferOperation?
    private var held: [UInt8] = []
    private var isPaused = false
    /// Why the connection is over.
    public private(set) var failure: TransferError?

    /// A client.
    ///
    /// - Parameters:
    ///   - connected: called when there is a connection.
    ///   - ended: called when it is over, whoever ended it, after the operation was told.
    public init(connected: @escaping (TransferClient) -> Void, ended: @escaping (TransferError) -> Void) {
        self.connected = connected
        self.ended = ended
    }

    /// Begins an operation; there must be no other.
    public func begin(_ operation: TransferOperation) {
        precondition(self.operation == nil, "an operation is going on")
        self.operation = operation
        operation.client = self
        if let failure { return finish { operation.lost(failure) } }
        operation.begin(self)
    }

    /// Sends what was written, then closes.
    public func close() { connection?.close() }

    /// Resets the connection.
    public func abort() { connection?.abort() }

    // MARK: For operations

    /// The loop of the connection.
    var loop: EventLoop? { connection?.loop }

    /// Bytes of a file that were given away to be sent and are not sent yet.
    var queuedFileBytes: Int { connection?.queuedFileBytes ?? 0 }

    func send(_ header: TransferHeader, content: [UInt8] = []) {
        connection?.write(FrameForm.four.frame(header))
        connection?.write(content)
    }

    func sendFile(_ file: consuming OwnedDescriptor, from offset: Int, count: Int) {
        guard let connection else {
            file.close(LinuxKernel.shared)
            return
        }
        connection.sendFile(file, from: Int64(offset), count: count)
    }

    func pause() { isPaused = true }

    func resume() {
        guard isPaused else { return }
        isPaused = false
        connection?.resumeReading()
    }

    /// The operation is over, and tells so.
    func finish(_ tell: () -> Void) {
        operation = nil
        tell()
    }

    // MARK: The connection's calls

    /// There is a connection.
    public func connected(_ connection: Connection) {
        self.connection = connection
        connected(self)
    }

    /// Gives the operation what the server has sent.
    public func received(_ bytes: RawSpan, on connection: Connection) {
        var offset = 0
        do throws(TransferError) {
            while !isPaused && !connection.isClosed {
                switch try parser.next(in: bytes, at: &offset) {
                case .nothing: return
                case .header(let header): operation?.received(header)
                case .content(let range): operation?.received(bytes.extracting(range))
                case .end: operation?.contentEnded()
                }
            }
        } catch {
            failure = TransferError(.malformed, "the server sent what is no frame: \(error)")
            return connection.abort()
        }
        guard isPaused else { return }
        unsafe held = bytes.extracting(offset...).withUnsafeBytes { unsafe Array($0) }  // safe: any byte is one
        connection.pauseReading()
        connection.holdInput()
    }

    /// Goes on with what was held.
    public func resumed(_ connection: Connection) {
        let bytes = held
        held = []
        // Safe: the bytes live as long as the call.
        unsafe received(bytes.span.bytes, on: connection)
    }

    /// Tells the operation, and whoever made the client.
    public func closed(_ connection: Connection, reason: CloseReason) {
        self.connection = nil
        let failure = failure ?? TransferError(.interrupted, "the connection ended: \(reason)")
        self.failure = failure
        if let operation { finish { operation.lost(failure) } }
        ended(failure)
    }
}

/// A request that is answered with a header and a little content: a list, a message, a farewell.
public final class TransferRequest: TransferOperation {
    /// The answer.
    public struct Reply: Sendable {
        /// Its header.
        public let header: TransferHeader
        /// Its content.
        public let content: [UInt8]
    }

    /// More content than any answer has.
    private static let mostContent = 16 * 1024 * 1024
    private let header: TransferHeader
    private let content: [UInt8]
    private let completed: (Result<Reply, TransferError>) -> Void
    private var reply: TransferHeader?
    private var replyContent: [UInt8] = []

    /// A request.
    public init(
        _ header: TransferHeader, content: [UInt8] = [], completed: @escaping (Result<Reply, TransferError>) -> Void
    ) {
        self.header = header
        self.content = content
        self.completed = completed
    }

    override func begin(_ client: TransferClient) {
        var header = header
        if !content.isEmpty { header.contentLength = content.count }
        client.send(header, content: content)
    }

    override func received(_ header: TransferHeader) {
        reply = header
        if header.contentLength ?? 0 > Self.mostContent { client?.abort() }
    }

    override func received(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { unsafe replyContent.append(contentsOf: $0) }  // safe: any byte is one
    }

    override func contentEnded() {
        guard let reply else { return }
        let result: Result<Reply, TransferError> =
            reply.refusal.map { .failure($0) } ?? .success(Reply(header: reply, content: replyContent))
        client?.finish { completed(result) }
    }

    override func lost(_ error: TransferError) { completed(.failure(error)) }
}
