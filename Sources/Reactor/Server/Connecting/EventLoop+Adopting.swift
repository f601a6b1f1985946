// Descriptors that come from elsewhere, as connections: connected sockets, pipes, terminals. Everything that can be wrong
// with one is checked before it becomes a connection, and reported in one line.

import SystemPackage

extension EventLoop {
    /// Makes an open descriptor a connection: a connected socket, one end of a socket pair, a terminal, a pipe, or a pair
    /// of pipes.
    ///
    ///     let input = OwnedDescriptor(try FileDescriptor.standardInput.duplicate())
    ///     try loop.adopt(input) { _ in LineEcho() }
    ///
    /// The connection has everything that an accepted one has: backpressure, limits, deadlines, half-close, framing.
    /// ``Limits/firstMessageTime`` is ignored, as for outgoing connections.
    ///
    /// - Parameters:
    ///   - descriptor: the descriptor. The connection closes it at its end, and this call closes it if it throws, unless
    ///     it is not open or belongs to another source of this loop. It becomes close-on-exec, except 0 to 2.
    ///   - output: the descriptor for output, if `descriptor` is one direction only, such as the write end of another
    ///     pipe. ``Connection/closeWrite()`` closes it.
    ///   - limits: the connection's limits.
    ///   - handler: creates the handler, in the next turn.
    /// - Returns: The connection.
    /// - Throws: ``SocketError`` when the descriptor is not open, is not a connected stream socket, a pipe or a terminal,
    ///   or belongs to this loop already.
    ///
    /// ## Non-blocking mode
    ///
    /// `O_NONBLOCK` belongs to the open file description, which duplicates and other processes share (open(2)). It is set
    /// for as long as the connection lasts, and the former flags are restored when it closes; a program that is killed
    /// leaves it set, for example on the shell's terminal.
    ///
    /// ## Pipes and terminals
    ///
    /// They have no addresses, credentials or reset, and closing them does not linger. A pair whose reader has gone goes
    /// on with its input; if output is lost, the connection ends with ``CloseReason/Kind/failed`` (`EPIPE`). A terminal
    /// has no half-close: ``Connection/closeWrite()`` only stops writing. A terminal whose other side has hung up (`EIO`)
    /// has ended. A regular file cannot be adopted, because epoll(7) cannot watch it (`EPERM`).
    @discardableResult
    public func adopt(
        _ descriptor: consuming OwnedDescriptor, writingTo output: consuming OwnedDescriptor? = nil,
        limits: Limits = Limits(), handler: @escaping HandlerFactory
    ) throws(SocketError) -> Connection {
        var candidate = AdoptionCandidate(descriptor, output)
        do throws(SocketError) {
            let peer = try candidate.check(for: self)
            return begin(candidate, peer: peer, limits: limits.ofConnecting, handler)
        } catch {
            candidate.abandon(kernel)
            throw error
        }
    }

    private func begin(
        _ candidate: consuming AdoptionCandidate, peer: SocketAddress, limits: Limits,
        _ handler: @escaping HandlerFactory
    ) -> Connection {
        let isPlain = candidate.isPlain
        let (inputFlags, outputFlags) = (candidate.formerInputFlags, candidate.formerOutputFlags)
        let canWrite = candidate.canWrite
        let connection = Connection(
            loop: self, OwnedDescriptor(candidate.input), peer: peer, limits: ConnectionLimits(limits), owner: nil)
        let output = candidate.output.map {
            OutputEnd(OwnedDescriptor($0), of: connection, formerFlags: outputFlags)
        }
        adoptions[connection.fd.rawValue] = Adoption(connection, formerFlags: inputFlags, output: output)
        // Other code may have duplicates, which would keep a closed descriptor in the epoll set.
        connection.state.insert(.descriptorShared)
        if isPlain {
            connection.state.insert(.plain)
            blockBrokenPipe()
        }
        if !canWrite { connection.state.insert(.writeClosed) }
        // Not here: the caller may be a handler, whose writes are being gathered.
        execute { [self] in
            if connection.isClosed {
                counters.connectionsOpened += 1
                return connectionFinished()
            }
            register(connection, wanting: .readable)
            if let output { register(output, wanting: []) }
            connection.begin(handler)
            connection.updateInterest()
        }
        return connection
    }
}

/// One or two descriptors that are to become a connection.
private struct AdoptionCandidate {
    let input: FileDescriptor
    let output: FileDescriptor?
    private(set) var isPlain = false
    private(set) var canWrite = true
    private(set) var formerInputFlags: CInt?
    private(set) var formerOutputFlags: CInt?
    /// Whether the descriptors are open and belong to the candidate.
    private var ownsInput = false
    private var ownsOutput = false

    init(_ input: consuming OwnedDescriptor, _ output: consuming OwnedDescriptor?) {
        self.input = input.release()
        self.output = output.take()?.release()
    }

    /// Checks the descriptors and makes them non-blocking; returns the peer's address.
    mutating func check(for loop: EventLoop) throws(SocketError) -> SocketAddress {
        let status = try open(input, in: loop)
        ownsInput = true
        var outputStatus: DescriptorStatus?
        if let output {
            if output == input { throw fault(input, "both directions are the same descriptor; adopt it alone") }
            outputStatus = try open(output, in: loop)
            ownsOutput = true
        }
        let peer = try peer(of: input, status, in: loop)
        if !status.canRead { throw fault(input, "it is open for writing only; adopt it as the output of a pair") }
        canWrite = status.canWrite
        if let output, let outputStatus {
            if !isPlain { throw fault(input, "a socket serves both directions; adopt it alone") }
            _ = try self.peer(of: output, outputStatus, in: loop)
            if !isPlain { throw fault(output, "it is a socket; adopt it alone") }
            if !outputStatus.canWrite { throw fault(output, "it is open for reading only") }
            canWrite = true
        }
        formerInputFlags = try makeNonBlocking(input, status, loop.kernel)
        if let output, let outputStatus {
            formerOutputFlags = try makeNonBlocking(output, outputStatus, loop.kernel)
        }
        return peer
    }

    /// Closes what belongs to the candidate, because it was refused.
    func abandon(_ kernel: any SystemCalls) {
        if let formerInputFlags { _ = kernel.setStatusFlags(formerInputFlags, of: input) }
        if ownsInput { OwnedDescriptor(input).close(kernel) }
        if ownsOutput, let output { OwnedDescriptor(output).close(kernel) }
    }

    private func open(_ descriptor: FileDescriptor, in loop: EventLoop) throws(SocketError) -> DescriptorStatus {
        var status = DescriptorStatus()
        if descriptor.rawValue < 0 || !loop.kernel.describe(descriptor, &status).succeeded {
            throw fault(descriptor, .badFileDescriptor)
        }
        if loop.registry.source(of: descriptor) != nil || loop.adoptions[descriptor.rawValue] != nil {
            throw fault(descriptor, "this loop watches it already (EEXIST); cancel that watch, or adopt a duplicate")
        }
        return status
    }

    /// Returns the address of the peer, `unix:` for what has none.
    private mutating func peer(
        of descriptor: FileDescriptor, _ status: DescriptorStatus, in loop: EventLoop
    ) throws(SocketError) -> SocketAddress {
        try loop.checkCapacity(for: descriptor)
        if status.isPathOnly {
            throw fault(descriptor, "it was opened with O_PATH, which permits neither reads nor writes")
        }
        switch status.kind {
        case .stream:
            isPlain = false
            var address = SocketAddress.unspecified
            if let errno = loop.kernel.peerAddress(of: descriptor, &address).errno { throw fault(descriptor, errno) }
            return address
        case .pipe, .characterDevice:
            isPlain = true
            return .unnamedUnix
        case .listener: throw fault(descriptor, "it is a listening socket; use listen(on:) or inherit it")
        case .otherSocket: throw fault(descriptor, "it is not a stream socket; use DatagramSocket for datagrams")
        case .regularFile, .blockDevice:
            throw fault(descriptor, "it is a regular file, which epoll cannot watch (EPERM); read it with offload(_:)")
        case .directory: throw fault(descriptor, "it is a directory")
        case .other: throw fault(descriptor, "it is not a socket, a pipe or a terminal; use watch(_:for:_:)")
        }
    }

    /// Returns the former flags, `nil` if nothing has changed.
    private func makeNonBlocking(
        _ descriptor: FileDescriptor, _ status: DescriptorStatus, _ kernel: any SystemCalls
    ) throws(SocketError) -> CInt? {
        if descriptor.rawValue > 2 { _ = kernel.setCloseOnExec(descriptor) }
        if status.flags == status.nonBlockingFlags { return nil }
        if let errno = kernel.setStatusFlags(status.nonBlockingFlags, of: descriptor).errno {
            throw fault(descriptor, errno)
        }
        return status.flags
    }

    private func fault(_ descriptor: FileDescriptor, _ reason: String) -> SocketError {
        SocketError(.adopt, subject: "descriptor \(descriptor.rawValue)", reason: reason)
    }

    private func fault(_ descriptor: FileDescriptor, _ errno: Errno) -> SocketError {
        SocketError(.adopt, subject: "descriptor \(descriptor.rawValue)", errno: errno)
    }
}
