// The common part of all simulated sockets: an address, options, the sizes of both buffers, and a pending error.

import Reactor
import SystemPackage

/// A socket of the simulated kernel.
class SimulatedEndpoint: SimulatedFile {
    final unowned let kernel: SimulatedKernel
    final var local = SocketAddress.unspecified
    final var options: [SocketOption: Int] = [:]
    final var sendBuffer: Int
    final var receiveBuffer: Int
    /// The pending error (`SO_ERROR`).
    final var pendingError: Errno?

    init(_ kernel: SimulatedKernel) {
        self.kernel = kernel
        sendBuffer = Self.bufferSize(kernel.sendBuffer)
        receiveBuffer = Self.bufferSize(kernel.receiveBuffer)
    }

    /// Returns a valid buffer size: at least 1, and small enough that arithmetic on it cannot overflow.
    static func bufferSize(_ wanted: Int) -> Int { min(max(1, wanted), 1 << 40) }

    final func takeError() -> Errno? {
        defer { pendingError = nil }
        return pendingError
    }
}
