// What an adopted connection has beyond a descriptor of its own: the status flags to restore, and the other descriptor
// of a pair, which is registered separately, because epoll watches descriptors, not pairs.
//
//     input:   the connection's own descriptor, registered for reading
//     output:  open, registered for writing while output is queued --closeWrite(), EPIPE, the reader has gone--> closed

import SystemPackage

/// The part of an adopted connection that an accepted one does not have.
final class Adoption {
    unowned let connection: Connection
    /// The status flags to restore at the end; `nil` if the descriptor was non-blocking already.
    let formerFlags: CInt?
    /// The descriptor for output, while it is open; `nil` if the connection's own serves both directions.
    var output: OutputEnd?
    /// Whether output has a descriptor of its own, or had one.
    let isPair: Bool
    /// The error that ended the output of a pair while some was queued.
    var outputError: SocketError?

    init(_ connection: Connection, formerFlags: CInt?, output: OutputEnd?) {
        self.connection = connection
        self.formerFlags = formerFlags
        self.output = output
        isPair = output != nil
    }
}

/// The output descriptor of a pair.
final class OutputEnd: EventSource {
    /// Set before the registration, and valid until the end of it.
    unowned let connection: Connection
    private var descriptor: OwnedDescriptor?
    private let formerFlags: CInt?

    init(_ descriptor: consuming OwnedDescriptor, of connection: Connection, formerFlags: CInt?) {
        let fd = descriptor.fd
        self.descriptor = consume descriptor
        self.connection = connection
        self.formerFlags = formerFlags
        super.init(loop: connection.loop, fd: fd)
    }

    /// Deregisters and closes the descriptor.
    func end() {
        if isRegistered { loop.deregister(self, closesAlone: false) }
        guard let descriptor = descriptor.take() else { return }
        if let formerFlags { _ = loop.kernel.setStatusFlags(formerFlags, of: fd) }
        descriptor.close(loop.kernel)
    }

    override func ready(_ readiness: Readiness) { connection.outputReady(readiness) }

    override func registrationFailed(_ errno: Errno) { connection.registrationFailed(errno) }

    override func descriptorLost() {
        _ = descriptor.take()?.release()
        connection.terminate(
            CloseReason(
                .failed, error: SocketError(.watch, subject: "descriptor \(fd.rawValue)", errno: .badFileDescriptor))
        )
    }

    override var reportName: String { connection.reportName }
}
