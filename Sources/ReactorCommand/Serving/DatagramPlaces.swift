// The sockets of a datagram server: those that the process inherited, or else one bound to an address.

import Reactor

extension TCPServer {
    /// Adopts every inherited datagram socket, or binds one socket if none was inherited.
    ///
    /// - Parameters:
    ///   - adopt: takes over an inherited socket.
    ///   - bind: binds a socket of its own.
    /// - Returns: The results of these closures, at least one.
    /// - Throws: What `adopt` or `bind` throws.
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
    /// Returns a line with the sums of the counters of several sockets.
    static func summary(_ sockets: [DatagramSocket]) -> String {
        func sum(_ counter: KeyPath<DatagramStatistics, Int>) -> Int {
            sockets.reduce(0) { $0 + $1.statistics[keyPath: counter] }
        }
        let withheld = sum(\.withheld)
        return """
            received \(sum(\.received)) datagrams with \(sum(\.bytesReceived)) bytes, \
            sent \(sum(\.sent)) with \(sum(\.bytesSent)), dropped \(sum(\.dropped))\
            \(withheld == 0 ? "" : ", withheld \(withheld) replies")
            """
    }
}
