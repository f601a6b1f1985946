// The client behind the `reactor files` commands: a loop and a connection that carry out the operations of one command.

#if FileTransfer
    import ArgumentParser
    import FileTransfer
    import Reactor

    /// The server's address and the selector, which every client command takes.
    struct FilesAddress: ParsableArguments {
        @Argument(
            help: ArgumentHelp("The server, HOST:PORT.", valueName: "address"),
            transform: AddressArgument.parse)
        var address: SocketAddress

        @OptionGroup var selector: BackendOptions
    }

    /// A connection to a server for the duration of a command.
    final class FilesClient {
        let loop: EventLoop
        private(set) var failure: TransferError?
        private var client: TransferClient?

        /// Connects, calls `body` once connected, and returns when the connection ends.
        ///
        /// - Throws: ``CommandFailure`` when connecting or an operation fails.
        static func run(_ options: FilesAddress, _ body: @escaping (FilesClient) -> Void) throws {
            let client: FilesClient
            do throws(SocketError) {
                client = FilesClient(try EventLoop(backend: options.selector.backend))
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
            // The disk may be slow at either end.
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

        /// Whether the client has asked to leave, so that the end of the connection is expected.
        private var isLeaving = false

        /// Starts an operation.
        func begin(_ operation: TransferOperation) { client?.begin(operation) }

        /// Ends the command: says goodbye to the server, or fails with `error` at once.
        func leave(_ error: TransferError? = nil) {
            if isLeaving { return }
            (isLeaving, failure) = (true, error)
            guard error == nil else { return loop.stop() }
            client?.begin(TransferRequest(TransferHeader(command: "quit")) { [self] _ in loop.stop() })
        }
    }
#endif
