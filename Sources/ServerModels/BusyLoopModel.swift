// A loop of non-blocking calls: it tries to accept a client, tries to read from every client, and starts over. With a
// wait for all of them at once, it becomes ``SelectorModel``.

internal import Reactor
import SystemPackage

/// A loop that polls every connection all the time.
enum BusyLoopModel {
    /// Serves until the process is ending, at most `limit` clients at once.
    static func run(_ listener: FileDescriptor, _ kernel: any SystemCalls, limit: Int) {
        var connections: [NonBlockingEcho] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while !ModelSockets.isEnding {
            if connections.count < limit {
                // If accept fails, the next round tries again.
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
