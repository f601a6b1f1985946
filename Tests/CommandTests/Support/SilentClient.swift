// A client that stalls, for the time of a test.

import Reactor
import Testing

/// A client that connects and says nothing.
final class SilentClient: Sendable {
    private let socket: CInt

    init(to address: String) throws {
        let kernel = LinuxKernel.shared
        let address = try SocketAddress(address)
        let made = kernel.socket(.stream, for: address)
        try #require(made.succeeded)
        socket = made.descriptor.rawValue
        _ = kernel.connect(made.descriptor, to: address)
    }

    deinit { _ = LinuxKernel.shared.close(.init(rawValue: socket)) }
}
