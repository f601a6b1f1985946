// The client's side of a connection: it runs one operation at a time and passes the server's replies to it. The
// operations are in the neighboring files; the command line decides when to start which.

package import Reactor

/// An operation of a client: begun once, fed with the server's replies, and over once it has reported its outcome.
package class TransferOperation {
    fileprivate(set) weak var client: TransferClient?

    /// Starts the operation, which owns the connection from now on.
    func begin(_ client: TransferClient) {}
    /// Called when a header arrives.
    func received(_ header: TransferHeader) {}
    /// Called for each piece of a frame's content.
    func received(_ bytes: RawSpan) {}
    /// Called when the content of the frame is complete.
    func contentEnded() {}
    /// Called when the connection has ended.
    func lost(_ error: TransferError) {}
}

/// The connection handler of a client.
package final class TransferClient: ConnectionHandler {
    private let connected: (TransferClient) -> Void
    private let ended: (TransferError) -> Void
    private var connection: Connection?
    private var parser = FrameParser()
    private var operation: TransferOperation?
    private var held: [UInt8] = []
    private var isPaused = false
    /// The reason why the connection ended; `nil` while it is open.
    package private(set) var failure: TransferError?

    /// Creates a client.
    ///
    /// - Parameters:
    ///   - connected: called when the connection is established.
    ///   - ended: called when the connection has ended for any reason, after the operation was notified.
    package init(connected: @escaping (TransferClient) -> Void, ended: @escaping (TransferError) -> Void) {
        self.connected = connected
        self.ended = ended
    }

    /// Starts an operation; no other one may be in progress.
    package func begin(_ operation: TransferOperation) {
        precondition(self.operation == nil, "another operation is in progress")
        self.operation = operation
        operation.client = self
        if let failure { return finish { operation.lost(failure) } }
        operation.begin(self)
    }

    /// Closes the connection after sending queued output.
    package func close() { connection?.close() }

    /// Resets the connection.
    package func abort() { connection?.abort() }

    // MARK: For operations

    /// The loop of the connection; `nil` after it has ended.
    var loop: EventLoop? { connection?.loop }

    /// The bytes of files that are queued and not sent yet.
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

    /// Ends the operation, then reports its outcome.
    func finish(_ notify: () -> Void) {
        operation = nil
        notify()
    }

    // MARK: Callbacks of the connection

    /// Stores the connection and notifies the owner.
    package func connected(_ connection: Connection) {
        self.connection = connection
        connected(self)
    }

    /// Parses input and passes it to the operation.
    package func received(_ bytes: RawSpan, on connection: Connection) {
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
            failure = TransferError(.malformed, "the server sent a malformed frame: \(error)")
            return connection.abort()
        }
        guard isPaused else { return }
        unsafe held = bytes.extracting(offset...).withUnsafeBytes { unsafe Array($0) }  // safe: the bytes are copied
        connection.pauseReading()
        connection.holdInput()
    }

    /// Processes the held input.
    package func resumed(_ connection: Connection) {
        let bytes = held
        held = []
        // Safe: the bytes live as long as the call.
        unsafe received(bytes.span.bytes, on: connection)
    }

    /// Notifies the operation and the owner.
    package func closed(_ connection: Connection, reason: CloseReason) {
        self.connection = nil
        let failure = failure ?? TransferError(.interrupted, "the connection ended: \(reason)")
        self.failure = failure
        if let operation { finish { operation.lost(failure) } }
        ended(failure)
    }
}

/// A request whose reply is a header with a small content: a list, an echoed message, a farewell.
package final class TransferRequest: TransferOperation {
    /// A server's reply.
    package struct Reply: Sendable {
        /// The reply's header.
        package let header: TransferHeader
        /// The reply's content.
        package let content: [UInt8]
    }

    /// The maximum content of a reply, in bytes.
    private static let mostContent = 16 * 1024 * 1024
    private let header: TransferHeader
    private let content: [UInt8]
    private let completed: (Result<Reply, TransferError>) -> Void
    private var reply: TransferHeader?
    private var replyContent: [UInt8] = []

    /// Creates a request.
    ///
    /// - Parameters:
    ///   - header: the header to send.
    ///   - content: the content to send. Default: none.
    ///   - completed: called with the reply, or with the error.
    package init(
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
        unsafe bytes.withUnsafeBytes { unsafe replyContent.append(contentsOf: $0) }  // safe: the bytes are copied
    }

    override func contentEnded() {
        guard let reply else { return }
        let result: Result<Reply, TransferError> =
            reply.refusal.map { .failure($0) } ?? .success(Reply(header: reply, content: replyContent))
        client?.finish { completed(result) }
    }

    override func lost(_ error: TransferError) { completed(.failure(error)) }
}
