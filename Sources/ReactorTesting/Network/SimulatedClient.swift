// The client end of a connection, scripted by the test: it has no loop and no descriptor, only a socket of the
// simulated kernel, and acts while virtual time passes.
//
//     connecting --> connected --closeWrite()--> finished, still reading --end or reset--> over
//          +---- refused ---------------------------------------------------------> over

public import Reactor
public import SystemPackage

/// A scripted client of a simulated world, over TCP or a Unix socket.
///
/// Operations requested before the connection is established take effect once it is. The client reads everything that
/// arrives, unless it is stalled.
public final class SimulatedClient {
    /// Bytes received by one read.
    public struct Arrival: Sendable, Hashable {
        /// The virtual time at which they were read.
        public let time: MonotonicTime
        /// The number of bytes.
        public let count: Int
    }

    private unowned let kernel: SimulatedKernel
    private let socket: SimulatedSocket
    /// A slice, so that removing bytes from the front does not move the rest.
    private var output: ArraySlice<UInt8> = []
    private var finishes = false
    private var closes = false
    private var isStepping = false

    /// All bytes received so far.
    public private(set) var received: [UInt8] = []
    /// The reads that received them, in order.
    public private(set) var arrivals: [Arrival] = []
    /// Whether the server has ended its stream.
    public private(set) var ended = false
    /// The error that ended or prevented the connection: `ECONNRESET`, `ECONNREFUSED`, `ETIMEDOUT`; `nil` without an
    /// error.
    public private(set) var error: Errno?
    /// Whether the client has stopped reading.
    public private(set) var isStalled = false
    /// Whether ``close()`` or ``reset()`` was called and has taken effect.
    public private(set) var isClosed = false
    /// The maximum number of bytes per read; 1 to 1 MiB. Default: 65,536.
    public var readSize = 65536
    /// The pause between two reads. Default: zero.
    public var pace = Duration.zero

    init(_ kernel: SimulatedKernel, to address: SocketAddress, from local: SocketAddress?) {
        self.kernel = kernel
        socket = kernel.newSocket()
        if let local { socket.local = local }
        socket.onWake = { [weak self] in self?.stepSoon() }
        // A TCP connect only reports that it is in progress; a Unix connect reports its outcome.
        let result = kernel.begin(socket, to: address)
        if let errno = result.errno, errno != .nowInProgress { error = errno }
    }

    /// Whether the connection is or was established.
    public var isConnected: Bool { socket.incoming != nil && socket.phase != .connecting }
    /// Whether the connection was lost or failed to be established.
    public var wasReset: Bool { error != nil }
    /// Whether nothing more can be received.
    public var isOver: Bool { ended || error != nil || isClosed }
    /// The number of bytes written that have not arrived at the server.
    public var unsent: Int { output.count + (socket.outgoing?.unacknowledged ?? 0) }
    /// The client's own address.
    public var address: SocketAddress { socket.local }
    /// All bytes received so far, decoded as UTF-8.
    public var text: String { String(decoding: received, as: UTF8.self) }

    /// A short description of the client's state.
    public var state: String {
        "port \(address.port), \(socket.phase)" + (isStalled ? ", stalled" : "") + (finishes ? ", finished" : "")
            + ", \(received.count) bytes received, \(unsent) unsent"
    }

    // MARK: Operations

    /// Writes bytes, as fast as the server accepts them.
    public func write(_ bytes: [UInt8]) {
        precondition(!finishes && !closes, "write after closeWrite() or close()")
        output += bytes
        stepSoon()
    }

    /// Writes a string as UTF-8.
    public func write(_ text: String) { write(Array(text.utf8)) }

    /// Half-closes the connection once all output is written; the client goes on reading.
    public func closeWrite() {
        finishes = true
        stepSoon()
    }

    /// Closes the socket once all output is written. Unread input at that point resets the connection.
    public func close() {
        closes = true
        stepSoon()
    }

    /// Resets the connection immediately.
    public func reset() {
        guard !isClosed else { return }
        isClosed = true
        kernel.note("client of \(socket.local.port) resets")
        socket.resetsOnClose = true
        socket.released()
    }

    /// Stops reading, so that the server's output fills the buffers.
    public func stall() { isStalled = true }

    /// Resumes reading.
    public func resume() {
        isStalled = false
        stepSoon()
    }

    // MARK: Progress

    /// Schedules the client's next step: a client is an independent program and never acts inside a call of the
    /// server's.
    private func stepSoon() {
        if isStepping || isClosed { return }
        isStepping = true
        // A minimal delay, whatever the pace.
        let (pause, overflow) = max(0, pace.wholeNanoseconds).addingReportingOverflow(1000)
        kernel.clock.after(overflow ? .max : pause) { [weak self] in
            self?.isStepping = false
            self?.step()
        }
    }

    private func step() {
        guard !isClosed, socket.phase != .connecting else { return }
        send()
        if !isStalled { receive() }
    }

    private func send() {
        if !output.isEmpty {
            // Safe: the socket copies the bytes it accepts.
            let result = unsafe output.withUnsafeBytes { unsafe socket.send($0) }
            if result.succeeded { output.removeFirst(result.rawValue) }
            if let errno = result.errno, errno != .resourceTemporarilyUnavailable {
                output = []
                if error == nil { error = errno }
            }
        }
        guard output.isEmpty else { return }
        if closes {
            isClosed = true
            kernel.note("client of \(socket.local.port) closes")
            socket.released()
        } else if finishes {
            _ = socket.finish()
        }
    }

    private func receive() {
        while !isOver {
            let limit = min(max(1, readSize), 1 << 20)
            var result = SystemResult(0)
            // Safe: the socket writes within the bounds of the buffer, and initializes as many bytes as it reports.
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                result = unsafe socket.receive(into: UnsafeMutableRawBufferPointer(buffer))
                count = max(0, result.rawValue)
            }
            if let errno = result.errno {
                if errno != .resourceTemporarilyUnavailable { error = errno }
                return
            }
            if bytes.isEmpty {
                ended = true
                return
            }
            received += bytes
            arrivals.append(Arrival(time: kernel.now(), count: bytes.count))
            if pace > .zero { return stepSoon() }
        }
    }
}
