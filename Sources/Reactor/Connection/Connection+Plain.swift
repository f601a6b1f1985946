// Connections over descriptors that are not sockets: pipes and terminals, on which recv(2), send(2) and shutdown(2) fail
// with ENOTSOCK. They read with read(2) and queue all output for write(2). The state `plain` diverts them from the fast
// paths of sockets, in tests that are made anyway.
//
//     kind                  end of the stream             closeWrite()        output without a reader
//     pipe, pair of pipes   read(2) returns 0             closes that end     ends the output; input goes on
//     terminal              EIO (the other side hung up)  only stops writing  EIO: the connection fails

import SystemPackage

extension Connection {
    private var adoption: Adoption? {
        guard let adoption = loop.adoptions[fd.rawValue] as? Adoption, adoption.connection === self else { return nil }
        return adoption
    }

    // MARK: Readiness

    @inline(never)
    func readyPlain(_ readiness: Readiness) {
        if readiness.contains(.writable) && state.contains(.queued) {
            flushQueue()
            settle()
        }
        if state.wantsHeldInput { deliverResumed() }
        // A hang-up ends the input, which the next read reports; a write reports the end of the output.
        if state.wantsToRead && readiness != .writable { readOffFastPath(readiness) }
    }

    /// Handles the readiness of the output descriptor of a pair.
    func outputReady(_ readiness: Readiness) {
        guard !state.isClosed else { return }
        if state.contains(.queued) {
            flushQueue()
            settle()
        } else if readiness.contains(.error) {
            // The reader has gone, and nothing is lost.
            state.remove(.closingWrite)
            state.insert(.writeClosed)
            endOutput()
            if state.contains(.ended) { terminate(CloseReason(.ended)) }
        }
    }

    /// Passes the interest in writing on to the output descriptor of a pair; returns the rest.
    @inline(never)
    func passingOutput(_ interest: Interest) -> Interest {
        guard let adoption, adoption.isPair else { return interest }
        if let output = adoption.output, output.isRegistered {
            loop.setInterest(interest.intersection(.writable), of: output)
        }
        return interest.subtracting(.writable)
    }

    // MARK: Reading

    /// Reads and delivers within the budget of a turn. A short read of a pipe or terminal, or one that ends with passed
    /// descriptors, does not mean that nothing is left: level-triggered, the rest is reported again; edge-triggered,
    /// reading goes on until it would block.
    @inline(never)
    func readOffFastPath(_ readiness: Readiness) {
        var receivesLeft = limits.receivesPerTurn
        var bytesLeft = limits.bytesReceivedPerTurn
        while receivesLeft > 0 && bytesLeft > 0 {
            guard state.wantsToRead else { return }
            if state.contains(.limitsReading) { return readLimited(readiness) }
            let count = take(receiveOffFastPath(atMost: loop.receiveBuffer.capacity))
            if count == 0 || (count < loop.receiveBuffer.capacity && !loop.isEdgeTriggered) { return }
            receivesLeft -= 1
            bytesLeft -= count
        }
        if loop.isEdgeTriggered && state.wantsToRead { loop.redispatch(self, readiness) }
    }

    /// Receives into the loop's receive buffer. A terminal whose other side has hung up reports EIO, which is the end
    /// of its stream.
    func receiveOffFastPath(atMost limit: Int) -> SystemResult {
        guard state.contains(.plain) else { return receivePassed(atMost: limit) }
        let result = retryingInterrupts { loop.read(from: fd, atMost: limit) }
        return result.errno == .ioError ? SystemResult(0) : result
    }

    // MARK: Writing

    /// The descriptor that takes output.
    var outputDescriptor: FileDescriptor {
        state.contains(.plain) ? adoption?.output?.fd ?? fd : fd
    }

    /// Writes until everything is taken or the write would block, because a short write does not mean that the next
    /// one would.
    @inline(never)
    func writePlain(_ bytes: RawSpan) -> SystemResult {
        let descriptor = outputDescriptor
        var written = 0
        while written < bytes.byteCount {
            let rest = bytes.extracting(written...)
            let result = retryingInterrupts { loop.kernel.write(descriptor, rest) }
            if result.errno == .brokenPipe { _ = loop.kernel.takePending(.brokenPipe) }
            guard result.rawValue > 0 else {
                if written > 0 { break }
                // A terminal may take nothing without an error.
                return result.rawValue == 0 ? SystemResult(.resourceTemporarilyUnavailable) : result
            }
            written += result.rawValue
        }
        return SystemResult(written)
    }

    /// Ends the output of a pair after a failed write. Its input may still be of value, such as the output of a child
    /// process that does not read all of its input. Returns `false` for other connections.
    @inline(never)
    func losesOutputOnly(_ error: SocketError) -> Bool {
        guard state.contains(.plain), let adoption, adoption.isPair, error.errno == .brokenPipe else { return false }
        adoption.outputError = error
        dropQueue()
        let isClosing = state.contains(.closing)
        state.remove(.closingWrite)
        state.insert(.writeClosed)
        endOutput()
        if isClosing || state.contains(.ended) { terminate(CloseReason(.failed, error: error)) }
        return true
    }

    /// Closes the output descriptor of a pair; the other kinds have no end to send.
    func endOutput() {
        adoption?.output?.end()
        adoption?.output = nil
    }

    /// Replaces the reason of the end if queued output was lost before it.
    func noteOutputLost() {
        guard let error = adoption?.outputError, let kind = closeReason?.kind else { return }
        if kind == .ended || kind == .closed { closeReason = CloseReason(.failed, error: error) }
    }

    // MARK: Ending

    /// Restores the status flags of an adopted descriptor that is still open, and closes the other one of a pair.
    func endAdoption() {
        guard let adoption else { return }
        loop.adoptions[fd.rawValue] = nil
        adoption.output?.end()
        if descriptor != nil, let flags = adoption.formerFlags { _ = loop.kernel.setStatusFlags(flags, of: fd) }
    }
}
