// `reactor echo --udp`: the same server for datagrams.

import ArgumentParser
import Reactor

struct DatagramEchoOptions: ParsableArguments {
    @Flag(name: .customLong("udp"), help: "Echo UDP datagrams; limits of connections do not count then.")
    var isWanted = false

    /// Binds the socket, and says so.
    func serve(
        on address: SocketAddress, _ loop: EventLoop, handler: any DatagramHandler
    ) throws(SocketError) -> DatagramSocket {
        var options = DatagramOptions()
        options.datagramSize = 65_535
        let socket = try loop.bindDatagrams(on: address, options: options, handler: handler)
        ServerLog.print("listening on \(socket.address) (\(loop.backend), UDP)")
        return socket
    }

    /// What the socket did, in words.
    static func summary(_ counters: DatagramStatistics) -> String {
        """
        received \(counters.received) datagrams with \(counters.bytesReceived) bytes, \
        sent \(counters.sent) with \(counters.bytesSent), dropped \(counters.dropped)
        """
    }
}
