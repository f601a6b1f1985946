// A client on a plain socket of Linux, which the framework knows nothing of. It never blocks: its world lets it step
// between two turns of the loop. It does what `SimulatedClient` does, on the real kernel.

import Glibc
import Reactor
import SystemPackage

/// A TCP client on a non-blocking socket.
final class SocketClient: ParityClient {
    private let descriptor: CInt
    private var output: [UInt8] = []
    private var isConnected = false
    private var finishes = false
    private var closes = false
    private var isStalled = false

    private(set) var received: [UInt8] = []
    private(set) var ended = false
    private(set) var error: Errno?
    private(set) var isClosed = false

    init(to address: SocketAddress) {
        let type = SOCK_STREAM.rawValue | UInt32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_INET, CInt(type), 0)
        precondition(descriptor >= 0, "no socket to be had")
        // As small as the simulated kernel's, or Linux would take a megabyte before anybody feels pressure.
        var size: CInt = 64 * 1024
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
        var system = sockaddr_in()
        system.sin_family = sa_family_t(AF_INET)
        system.sin_port = address.port.bigEndian
        system.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &system) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result != 0 && errno != EINPROGRESS { error = Errno(rawValue: errno) }
        step()
    }

    deinit { if !isClosed { Glibc.close(descriptor) } }

    func write(_ bytes: [UInt8]) {
        precondition(!finishes && !closes, "the client has finished")
        output += bytes
        step()
    }

    func closeWrite() {
        finishes = true
        step()
    }

    func close() {
        closes = true
        step()
    }

    func reset() {
        guard !isClosed else { return }
        var option = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        closeNow()
    }

    func stall() { isStalled = true }

    func resume() {
        isStalled = false
        step()
    }

    /// Does what can be done now.
    func step() {
        guard !isClosed, error == nil, connectHasEnded else { return }
        send()
        if !isClosed && !isStalled { receive() }
    }

    /// Whether the handshake is over; if it failed, ``error`` says why.
    private var connectHasEnded: Bool {
        if isConnected { return true }
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&entry, 1, 0) == 1 else { return false }
        isConnected = true
        var pending: CInt = 0
        var size = socklen_t(4)
        unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &pending, &size)
        if pending != 0 { error = Errno(rawValue: pending) }
        return pending == 0
    }

    private func send() {
        if !output.isEmpty {
            let count = unsafe output.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count > 0 { output.removeFirst(count) }
            if count < 0 && errno != EAGAIN {
                error = Errno(rawValue: errno)
                output = []
            }
        }
        guard output.isEmpty else { return }
        if closes { closeNow() } else if finishes { shutdown(descriptor, CInt(SHUT_WR)) }
    }

    private func receive() {
        while !ended && error == nil {
            var count = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 65536) { buffer, filled in
                // Safe: the kernel writes as many bytes as it says, within the bounds of the buffer.
                count = unsafe recv(descriptor, buffer.baseAddress, 65536, 0)
                filled = max(0, count)
            }
            if count < 0 {
                if errno != EAGAIN { error = Errno(rawValue: errno) }
                return
            }
            received += bytes
            ended = count == 0
        }
    }

    private func closeNow() {
        isClosed = true
        Glibc.close(descriptor)
    }
}
