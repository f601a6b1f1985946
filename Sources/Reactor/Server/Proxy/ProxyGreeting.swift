// A connection accepted from a proxy whose header is incomplete. It peeks at the input (MSG_PEEK) and consumes only the
// header; the rest stays in the kernel for the connection, as if there had been no header.
//
//     awaiting --header complete--> handed over
//        |------ malformed, end, error ---> refused
//        |------ timer -------------------> refused
//        +------ end of the loop ---------> refused

import SystemPackage

/// Receives the outcome of a greeting.
protocol ProxyGreetingDelegate: AnyObject {
    /// Called with the complete header; the greeting is still registered, to be replaced by the connection.
    func greeted(_ greeting: ProxyGreeting, _ descriptor: consuming OwnedDescriptor, with header: ProxyHeader)
    /// Called when the greeting has failed and its descriptor is closed.
    func greetingFailed(_ greeting: ProxyGreeting, _ reason: Refusal, _ detail: String)
}

/// An accepted socket that has to begin with a PROXY header.
final class ProxyGreeting: EventSource {
    /// The proxy's address.
    let peer: SocketAddress
    private let delegate: any ProxyGreetingDelegate
    private var descriptor: OwnedDescriptor?
    private var header: [UInt8] = []
    private var timer = LoopTimer.none

    init(
        loop: EventLoop, _ descriptor: consuming OwnedDescriptor, from peer: SocketAddress, within time: Duration,
        delegate: any ProxyGreetingDelegate
    ) {
        let fd = descriptor.fd
        self.descriptor = consume descriptor
        self.peer = peer
        self.delegate = delegate
        super.init(loop: loop, fd: fd)
        loop.register(self, wanting: .readable)
        timer = loop.timers.schedule(at: loop.turnTime + time.wholeNanoseconds, .source(self))
    }

    override func ready(_ readiness: Readiness) {
        while descriptor != nil, readOnce() {}
    }

    /// Reads a piece of the header; returns whether there may be more.
    private func readOnce() -> Bool {
        var piece = [UInt8](repeating: 0, count: ProxyHeader.mostBytes(after: header) - header.count)
        let seen = receive(into: &piece) { loop.kernel.peek(fd, into: $0) }
        guard let count = judge(seen) else { return false }
        do throws(ProxyHeaderError) {
            // Consume only the part that belongs to the header.
            let parsed = try ProxyHeader.parse(header + piece[..<count])
            piece = [UInt8](repeating: 0, count: (parsed?.length ?? header.count + count) - header.count)
            guard let count = judge(receive(into: &piece) { loop.kernel.receive(fd, into: $0) }) else { return false }
            header += piece[..<count]
            if let parsed, header.count == parsed.length { finish(parsed) }
            return true
        } catch {
            fail(.proxyHeader, error.description)
            return false
        }
    }

    private func receive(into bytes: inout [UInt8], _ call: (consuming MutableRawSpan) -> SystemResult) -> SystemResult
    {
        retryingInterrupts {
            var span = bytes.mutableSpan
            return unsafe call(span.mutableBytes)  // safe: every bit pattern is a UInt8
        }
    }

    /// Returns the number of bytes received, or `nil` if there were none or the greeting has failed.
    private func judge(_ result: SystemResult) -> Int? {
        if result.rawValue > 0 { return result.rawValue }
        if let errno = result.errno {
            if errno.faultClass == .wouldBlock { return nil }
            fail(.proxyHeader, SocketError(.receive, subject: "\(peer)", errno: errno).reason)
        } else {
            fail(.proxyHeader, ProxyHeaderError.incomplete.description)
        }
        return nil
    }

    override func deadlineReached() { fail(.proxyHeaderTimeout, Refusal.proxyHeaderTimeout.description) }

    override func registrationFailed(_ errno: Errno) {
        fail(.descriptors, SocketError(.watch, subject: "\(peer)", errno: errno).reason)
    }

    override func descriptorLost() {
        _ = descriptor.take()?.release()
        loop.timers.cancel(timer)
        delegate.greetingFailed(
            self, .descriptors, SocketError(.watch, subject: "\(peer)", errno: .badFileDescriptor).reason)
    }

    override func loopEnded() { fail(.ending, Refusal.ending.description) }

    private func finish(_ header: ProxyHeader) {
        guard let descriptor = descriptor.take() else { return }
        loop.timers.cancel(timer)
        delegate.greeted(self, descriptor, with: header)
    }

    private func fail(_ reason: Refusal, _ detail: String) {
        guard let descriptor = descriptor.take() else { return }
        loop.timers.cancel(timer)
        loop.deregister(self, closesAlone: true)
        // A reset, so that the proxy treats it as a failure instead of an empty response.
        _ = loop.kernel.setResetOnClose(fd)
        descriptor.close(loop.kernel)
        delegate.greetingFailed(self, reason, detail)
    }
}
