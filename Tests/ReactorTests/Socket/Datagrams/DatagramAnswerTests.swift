// Answers on Linux: from which address they leave, and which ones do not.

import Reactor
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct DatagramAnswerTests {
    /// A client of a socket that has all addresses hears the one that it has asked (RFC 1123, 2.3).
    @Test(arguments: Backend.all) func anAnswerLeavesFromTheAddressThatWasAsked(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let four = try loop.bindDatagrams(on: "0.0.0.0:0", handler: EchoDatagrams())
            let peer = try TestPeer()
            for host in 1...5 as ClosedRange<UInt8> {
                let asked = SocketAddress.ipv4(127, 0, 0, host, port: four.address.port)
                peer.send("\(host)", to: asked)
                try loop.run { peer.texts.count == Int(host) }
                #expect(peer.received.last?.source == asked)
            }
            // What is sent to everyone is answered from the interface's own address.
            peer.send("all", to: .ipv4(127, 255, 255, 255, port: four.address.port))
            try loop.run { peer.texts.last == "all" }
            #expect(peer.received.last?.source == .loopback(port: four.address.port))

            let six = try loop.bindDatagrams(on: "[::]:0", handler: EchoDatagrams())
            let peerOfSix = try TestPeer(at: SocketAddress("[::1]:0"))
            let loopback = SocketAddress.ipv6(high: 0, low: 1, port: six.address.port)
            peerOfSix.send("six", to: loopback)
            try loop.run { peerOfSix.texts == ["six"] }
            #expect(peerOfSix.received[0].source == loopback)
            // The same socket has IPv4 clients.
            let mapped = SocketAddress.ipv4(127, 0, 0, 9, port: six.address.port)
            peer.send("mapped", to: mapped)
            try loop.run { peer.texts.last == "mapped" }
            #expect(peer.received.last?.source == mapped)
        }
    }

    /// One datagram in the server's own name is not answered, and nor is one from a port that answers by itself.
    @Test(arguments: Backend.all) func aServerDoesNotAnswerItself(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            for text in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
                let socket = try loop.bindDatagrams(on: text, handler: EchoDatagrams())
                var own = socket.address
                if own.isWildcard { own = .ipv4(127, 0, 0, 7, port: own.port) }
                socket.send("loop", to: own)
                try loop.run { socket.statistics.received == 1 }
                #expect(socket.statistics.withheld == 1 && socket.statistics.sent == 1)
                socket.close()
            }
        }
    }

    /// Two servers that answer each other stop by themselves, long before a second is over.
    @Test(arguments: Backend.all) func twoServersStopAnsweringEachOther(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (first, second) = (
                try loop.bindDatagrams(on: "127.0.0.1:0", handler: EchoDatagrams()),
                try loop.bindDatagrams(on: "127.0.0.1:0", handler: EchoDatagrams())
            )
            for number in 0..<5 { first.send("set on each other \(number)", to: second.address) }
            try loop.run { first.statistics.withheld + second.statistics.withheld == 5 }
            #expect(first.statistics.sent < 2000 && second.statistics.sent < 2000)
        }
    }

    /// What can be in no datagram is reported to the caller and to the handler.
    @Test(arguments: Backend.all) func aDatagramThatIsTooLargeIsReportedTwice(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let handler = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: handler)
            #expect(socket.send([UInt8](repeating: 0, count: 65_508), to: .loopback(port: 9)) == .tooLarge)
            try loop.run { !handler.failures.isEmpty }
            #expect(handler.failures[0].error.errno == .messageTooLong && socket.statistics.dropped == 1)
            #expect(handler.failures[0].error.description.contains("at most 65507 bytes over IPv4"))
        }
    }
}
