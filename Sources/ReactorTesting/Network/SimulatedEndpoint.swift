// What all simulated sockets have, whatever travels over them: an address, options, the sizes of two buffers, and an error
// that waits to be told.

import Reactor
import SystemPackage

/// A socket of the simulated kernel.
class SimulatedEndpoint: SimulatedFile {
    final unowned let kernel: SimulatedKernel
    final var local = SocketAddress.unspecified
    final var options: [SocketOption: Int] = [:]
    final var sendBuffer: Int
    final var receiveBuffer: Int
    /// `SO_ERROR`.
    final var pendingError: Errno?

    init(_ kernel: SimulatedKernel) {
        self.kernel = kernel
        sendBuffer = Self.bufferSize(kernel.sendBuffer)
        receiveBuffer = Self.bufferSize(kernel.receiveBuffer)
    }

    /// Bytes that a buffer may have: something, and not so much that arithmetic ends.
    static func bufferSize(_ wanted: Int) -> Int { min(max(1, wanted), 1 << 40) }

    final func takeError() -> Errno? {
        defer { pendingError = nil }
        return pendingError
    }
}
