// Where a datagram server is: on the sockets that the process was started with, or else on an address.

import Reactor

extension TCPServer {
    /// Makes a socket for each datagram socket that the process was started with, or one on an address.
    ///
    /// - Parameters:
    ///   - adopt: takes over a socket.
    ///   - bind: makes one.
    /// - Returns: What they have made, at least one.
    func datagramPlaces<Place>(
        adopting adopt: (InheritedSocket) throws(SocketError) -> Place, orBinding bind: () throws(SocketError) -> Place
    ) throws(SocketError) -> [Place] {
        guard let inherited = inheritance?.sockets, !inherited.isEmpty else { return [try bind()] }
        var places: [Place] = []
        for socket in inherited { places.append(try adopt(socket)) }
        return places
    }
}

extension DatagramStatistics {
    /// The counters of several sockets, in words.
    static func summary(_ sockets: [DatagramSocket]) -> String {
        func sum(_ counter: KeyPath<DatagramStatistics, Int>) -> Int {
            sockets.reduce(0) { $0 + $1.statistics[keyPath: counter] }
        }
        let withheld = sum(\.withheld)
        return """
            received \(sum(\.received)) datagrams with \(sum(\.bytesReceived)) bytes, \
            sent \(sum(\.sent)) with \(sum(\.bytesSent)), dropped \(sum(\.dropped))\
            \(withheld == 0 ? "" : ", withheld \(withheld) answers")
            """
    }
}
