// No call waits, and so the loop never does: it asks the listener for a client, and every client for bytes, and begins
// again. What is left of it when it learns to wait for all of them at once is ``SelectorModel``.

import Reactor
import SystemPackage

/// A loop that asks everybody, all the time.
enum BusyLoopModel {
    static func run(_ listener: FileDescriptor, _ kernel: any SystemCalls, limit: Int) {
        var connections: [NonBlockingEcho] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while !ModelSockets.isEnding {
            if connections.count < limit {
                // Whatever keeps a client from coming in, it is asked for again in a moment.
                var peer = SocketAddress.unspecified
                let newcomer = kernel.accept(listener, peer: &peer)
                if newcomer.succeeded { connections.append(NonBlockingEcho(newcomer.descriptor)) }
            }
            var index = 0
            while index < connections.count {
                if case .isOver = connections[index].step(kernel, &buffer) {
                    _ = kernel.close(connections[index].descriptor)
                    connections.swapAt(index, connections.count - 1)
                    connections.removeLast()
                } else {
                    index += 1
                }
            }
        }
        for connection in connections { _ = kernel.close(connection.descriptor) }
    }
}
