// `reactor echo --udp`: the echo server for datagrams.

import ArgumentParser
import Reactor

struct DatagramEchoOptions: ParsableArguments {
    @Flag(name: .customLong("udp"), help: "Echo UDP datagrams; the limits of connections do not apply.")
    var isWanted = false

    @Flag(
        help: """
            With --udp: reply to every datagram, even from a reflecting port or if it repeats a reply. For load tests \
            on loopback only: two such servers may reply to each other indefinitely.
            """)
    var unlimitedReplies = false

    /// Opens or adopts the sockets and prints the `listening on` line.
    ///
    /// - Returns: The sockets, at least one.
    /// - Throws: `SocketError` when a socket cannot be opened.
    func serve(
        _ server: TCPServer, on address: SocketAddress, _ loop: EventLoop, handler: any DatagramHandler
    ) throws(SocketError) -> [DatagramSocket] {
        var options = DatagramOptions()
        options.datagramSize = 65_535
        if unlimitedReplies { options.replies = .unlimited }
        let sockets = try server.datagramPlaces { socket throws(SocketError) in
            try loop.adoptDatagrams(socket, options: options, handler: handler)
        } orBinding: { () throws(SocketError) in
            try loop.bindDatagrams(on: address, options: options, handler: handler)
        }
        ServerLog.print("listening on \(ServerProgram.words(sockets.map(\.address))) (\(loop.backend), UDP)")
        return sockets
    }
}
