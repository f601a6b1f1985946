// The client end of a connection: a peer that connects to a listener of the program.

import Reactor
import SystemPackage

/// A scripted client of a simulated world, over TCP or a Unix socket.
public final class SimulatedClient: SimulatedPeer {
    init(_ kernel: SimulatedKernel, to address: SocketAddress, from local: SocketAddress?) {
        let socket = kernel.newSocket()
        if let local { socket.local = local }
        super.init(kernel, socket)
        // A TCP connect only reports that it is in progress; a Unix connect reports its outcome.
        let result = kernel.begin(socket, to: address)
        if let errno = result.errno, errno != .nowInProgress { error = errno }
    }
}
