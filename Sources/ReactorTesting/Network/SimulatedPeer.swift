// The far end of a connection, scripted by the test: it has no loop and no descriptor, only a socket of the simulated
// kernel, and acts while virtual time passes.
//
//     connecting --> connected --closeWrite()--> finished, still reading --end or reset--> over
//          +---- refused ---------------------------------------------------------> over

public import Reactor
public import SystemPackage

/// A scripted peer of a simulated world, over TCP or a Unix socket: a ``SimulatedClient``, or one connection of a
/// ``SimulatedServer``.
///
/// Operations requested before the connection is established take effect once it is. The peer reads everything that
/// arrives, unless it is stalled.
public class SimulatedPeer {
    /// Bytes received by one read.
    public struct Arrival: Sendable, Hashable {
        /// The virtual time at which they were read.
        public let time: MonotonicTime
        /// The number of bytes.
        public let count: Int
    }

    unowned let kernel: SimulatedKernel
    let socket: SimulatedSocket
    /// A slice, so that removing bytes from the front does not move the rest.
    private var output: ArraySlice<UInt8> = []
    private var finishes = false
    private var closes = false
    private var isStepping = false

    /// All bytes received so far.
    public private(set) var received: [UInt8] = []
    /// The reads that received them, in order.
    public private(set) var arrivals: [Arrival] = []
    /// Whether the program has ended its stream.
    public private(set) var ended = false
    /// The error that ended or prevented the connection: `ECONNRESET`, `ECONNREFUSED`, `ETIMEDOUT`; `nil` without an
    /// error.
    public internal(set) final var error: Errno?
    /// Whether the peer has stopped reading.
    public private(set) var isStalled = false
    /// Whether ``close()`` or ``reset()`` was called and has taken effect.
    public private(set) var isClosed = false
    /// The maximum number of bytes per read; 1 to 1 MiB. Default: 65,536.
    public var readSize = 65536
    /// The pause between two reads. Default: zero.
    public var pace = Duration.zero
    /// Called after bytes have arrived, which ``received`` then contains. It may write, close, reset and stall.
    public var onReceived: ((SimulatedPeer) -> Void)?
    /// Called once when the program has ended its stream. It may write and close.
    public var onEnded: ((SimulatedPeer) -> Void)?

    init(_ kernel: SimulatedKernel, _ socket: SimulatedSocket) {
        self.kernel = kernel
        self.socket = socket
        socket.onWake = { [weak self] in self?.stepSoon() }
    }

    /// Whether the connection is or was established.
    public var isConnected: Bool { socket.incoming != nil && socket.phase != .connecting }
    /// Whether the connection was lost or failed to be established.
    public var wasReset: Bool { error != nil }
    /// Whether nothing more can be received.
    public var isOver: Bool { ended || error != nil || isClosed }
    /// The number of bytes written that have not arrived at the program.
    public var unsent: Int { output.count + (socket.outgoing?.unacknowledged ?? 0) }
    /// The peer's own address.
    public var address: SocketAddress { socket.local }
    /// All bytes received so far, decoded as UTF-8.
    public var text: String { String(decoding: received, as: UTF8.self) }

    /// A short description of the peer's state.
    public var state: String {
        "port \(address.port), \(socket.phase)" + (isStalled ? ", stalled" : "") + (finishes ? ", finished" : "")
            + ", \(received.count) bytes received, \(unsent) unsent"
    }

    // MARK: Operations

    /// Writes bytes, as fast as the program accepts them.
    public func write(_ bytes: [UInt8]) {
        precondition(!finishes && !closes, "write after closeWrite() or close()")
        output += bytes
        stepSoon()
    }

    /// Writes a string as UTF-8.
    public func write(_ text: String) { write(Array(text.utf8)) }

    /// Half-closes the connection once all output is written; the peer goes on reading.
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
        kernel.note("peer on port \(socket.local.port) resets")
        socket.resetsOnClose = true
        socket.released()
    }

    /// Stops reading, so that the program's output fills the buffers.
    public func stall() { isStalled = true }

    /// Resumes reading.
    public func resume() {
        isStalled = false
        stepSoon()
    }

    /// Calls `action` after a span of virtual time, unless the peer is closed by then.
    public func after(_ time: Duration, _ action: @escaping (SimulatedPeer) -> Void) {
        kernel.after(time) { [weak self] in
            if let self, !isClosed { action(self) }
        }
    }

    // MARK: Progress

    /// Schedules the peer's next step: a peer is an independent program and never acts inside a call of the loop's.
    final func stepSoon() {
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
            kernel.note("peer on port \(socket.local.port) closes")
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
                onEnded?(self)
                return
            }
            received += bytes
            arrivals.append(Arrival(time: kernel.now(), count: bytes.count))
            onReceived?(self)
            if isStalled { return }
            if pace > .zero { return stepSoon() }
        }
    }
}
