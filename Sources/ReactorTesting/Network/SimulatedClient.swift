// The other end of a connection, played by the test: it has no loop and no descriptor, only a socket of the simulated
// kernel, and does what it is told while the world goes on.
//
//     connecting --> connected --finish()--> finished, still reading --end or reset--> over
//          +---- refused ---------------------------------------------------------> over

public import Reactor
public import SystemPackage

/// A scripted client of a simulated world.
///
/// What it is told before it is connected it does as soon as it is. It reads all that arrives, unless it is stalled.
public final class SimulatedClient {
    /// Bytes that arrived at one moment.
    public struct Arrival: Sendable, Hashable {
        /// When they were read, in virtual time.
        public let time: MonotonicTime
        /// How many.
        public let count: Int
    }

    private unowned let kernel: SimulatedKernel
    private let socket: SimulatedSocket
    /// A slice, because what is taken from its front is not to move the rest.
    private var output: ArraySlice<UInt8> = []
    private var finishes = false
    private var closes = false
    private var isStepping = false

    /// All that it has received.
    public private(set) var received: [UInt8] = []
    /// When it received it.
    public private(set) var arrivals: [Arrival] = []
    /// Whether the server has ended its stream.
    public private(set) var ended = false
    /// Why the connection was lost, or never came to be: `ECONNRESET`, `ECONNREFUSED`, `ETIMEDOUT`; `nil` when it was not.
    public private(set) var error: Errno?
    /// Whether it reads nothing.
    public private(set) var isStalled = false
    /// Whether ``close()`` or ``reset()`` was called and carried out.
    public private(set) var isClosed = false
    /// Bytes that it reads at once; 1 to 1 MiB.
    public var readSize = 65536
    /// Time that it takes between two reads.
    public var pace = Duration.zero

    init(_ kernel: SimulatedKernel, to address: SocketAddress, from local: SocketAddress?) {
        self.kernel = kernel
        socket = kernel.newSocket()
        if let local { socket.local = local }
        socket.onWake = { [weak self] in self?.stepSoon() }
        // What a TCP socket answers is only that it is on its way; a Unix socket answers how it went.
        let result = kernel.begin(socket, to: address)
        if let errno = result.errno, errno != .nowInProgress { error = errno }
    }

    /// Whether the connection is there, or was.
    public var isConnected: Bool { socket.incoming != nil && socket.phase != .connecting }
    /// Whether the connection was lost or never came to be.
    public var wasReset: Bool { error != nil }
    /// Whether nothing more will be received.
    public var isOver: Bool { ended || error != nil || isClosed }
    /// What was written and not yet taken by the simulated network.
    public var unsent: Int { output.count + (socket.outgoing?.unacknowledged ?? 0) }
    /// This side's address.
    public var address: SocketAddress { socket.local }
    /// All that it has received, as text.
    public var text: String { String(decoding: received, as: UTF8.self) }

    /// How it is, in a few words.
    public var state: String {
        "port \(address.port), \(socket.phase)" + (isStalled ? ", stalled" : "") + (finishes ? ", finished" : "")
            + ", \(received.count) bytes received, \(unsent) unsent"
    }

    // MARK: Doing

    /// Writes bytes, as fast as the server takes them.
    public func write(_ bytes: [UInt8]) {
        precondition(!finishes && !closes, "the client has finished")
        output += bytes
        stepSoon()
    }

    /// Writes a text.
    public func write(_ text: String) { write(Array(text.utf8)) }

    /// Ends its stream when all is written; it goes on reading.
    public func finish() {
        finishes = true
        stepSoon()
    }

    /// Closes its socket when all is written. What it has not read by then resets the connection.
    public func close() {
        closes = true
        stepSoon()
    }

    /// Resets the connection now.
    public func reset() {
        guard !isClosed else { return }
        isClosed = true
        kernel.note("client of \(socket.local.port) resets")
        socket.resetsOnClose = true
        socket.released()
    }

    /// Stops reading: what is sent to it fills the buffers.
    public func stall() { isStalled = true }

    /// Reads again.
    public func resume() {
        isStalled = false
        stepSoon()
    }

    // MARK: Going on

    /// A client is a program of its own: it acts in a moment of its own.
    private func stepSoon() {
        if isStepping || isClosed { return }
        isStepping = true
        // A little for itself, whatever its pace.
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
            // Safe: the socket copies what it takes.
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
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                // Safe: the socket writes as many bytes as it says, within the bounds of the buffer.
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
