// `reactor echo --udp`: the same server for datagrams.

import ArgumentParser
import Reactor

struct DatagramEchoOptions: ParsableArguments {
    @Flag(name: .customLong("udp"), help: "Echo UDP datagrams; limits of connections do not count then.")
    var isWanted = false

    @Flag(
        help: """
            With --udp: answer every datagram, also what comes from a reflecting port or repeats an answer. For load tests \
            on loopback: two servers may then answer each other without end.
            """)
    var unlimitedAnswers = false

    /// Makes the sockets, and says where they are.
    func serve(
        _ server: TCPServer, on address: SocketAddress, _ loop: EventLoop, handler: any DatagramHandler
    ) throws(SocketError) -> [DatagramSocket] {
        var options = DatagramOptions()
        options.datagramSize = 65_535
        if unlimitedAnswers { options.answers = .unlimited }
        let sockets = try server.datagramPlaces { socket throws(SocketError) in
            try loop.adoptDatagrams(socket, options: options, handler: handler)
        } orBinding: { () throws(SocketError) in
            try loop.bindDatagrams(on: address, options: options, handler: handler)
        }
        ServerLog.print("listening on \(ServerProgram.words(sockets.map(\.address))) (\(loop.backend), UDP)")
        return sockets
    }
}
