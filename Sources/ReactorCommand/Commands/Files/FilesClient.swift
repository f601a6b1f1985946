// A client for one command: a loop, a connection, one operation, and its outcome as the command's own. Progress is shown on
// a terminal while it goes on.

#if FileTransfer
    import ArgumentParser
    import FileTransfer
    import Reactor

    /// Where the server is; every client command takes it.
    struct FilesAddress: ParsableArguments {
        @Argument(
            help: ArgumentHelp("Where the server is, HOST:PORT.", valueName: "address"),
            transform: AddressArgument.parse)
        var address: SocketAddress

        @Option(
            help: ArgumentHelp(
                "How the loop finds out what is ready: \(BackendArgument.names). (default: epoll-lt)", valueName: "name"
            ),
            transform: BackendArgument.parse)
        var backend = Backend.epoll(.levelTriggered)
    }

    /// A connection to a server for the time of a command.
    final class FilesClient {
        let loop: EventLoop
        private(set) var failure: TransferError?
        private var client: TransferClient?

        /// Connects, runs `body` when there is a connection, and ends when the connection does.
        ///
        /// - Throws: ``CommandFailure`` when there is no connection to be had.
        static func run(_ options: FilesAddress, _ body: @escaping (FilesClient) -> Void) throws {
            let client: FilesClient
            do throws(SocketError) {
                client = FilesClient(try EventLoop(backend: options.backend))
                StandardOutput.stopsOnFailure(client.loop)
                do throws(SocketError) { try client.connect(to: options.address, body) } catch {
                    client.loop.shutdown()
                    throw error
                }
                try client.loop.run()
            } catch {
                throw CommandFailure("\(error)")
            }
            if let failure = client.failure { throw CommandFailure("\(failure)") }
        }

        private init(_ loop: EventLoop) { self.loop = loop }

        private func connect(to address: SocketAddress, _ body: @escaping (FilesClient) -> Void) throws(SocketError) {
            var limits = Limits()
            // A disk may be slow, at either end.
            (limits.idleTime, limits.bytesReceivedPerTurn, limits.receivesPerTurn) = (.seconds(600), 1 << 20, 64)
            limits.bytesSentPerTurn = 1 << 20
            try loop.connect(
                to: address, limits: limits,
                handler: { [self] _ in
                    TransferClient(
                        connected: { [self] client in
                            self.client = client
                            body(self)
                        },
                        ended: { [self] error in
                            if failure == nil && !isLeaving { failure = error }
                            loop.stop()
                        })
                },
                failed: { [self] error in
                    failure = TransferError(.failed, "\(error)")
                    loop.stop()
                })
        }

        /// The end of the connection is no surprise.
        private var isLeaving = false

        /// Begins an operation.
        func begin(_ operation: TransferOperation) { client?.begin(operation) }

        /// The command is done; it fails with `error`, if there is one.
        func leave(_ error: TransferError? = nil) {
            if isLeaving { return }
            (isLeaving, failure) = (true, error)
            guard error == nil else { return loop.stop() }
            client?.begin(TransferRequest(TransferHeader(command: "quit")) { [self] _ in loop.stop() })
        }
    }
#endif
