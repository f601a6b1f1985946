// Sockets that a server did not make itself.

import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Reactor

/// A socket as another process would hand it on: blocking, and inherited by children.
private func foreignSocket(_ family: CInt = AF_INET, _ type: __socket_type = SOCK_STREAM, listens: Bool = true) -> CInt
{
    let descriptor = Glibc.socket(family, CInt(type.rawValue), 0)
    precondition(descriptor >= 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let bound = unsafe withUnsafePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, 16) }
    }
    precondition(bound == 0)
    if listens { precondition(listen(descriptor, 16) == 0) }
    return descriptor
}

@Suite(.timeLimit(.minutes(20))) struct InheritanceTests {
    @Test(arguments: [1, 3]) func whoHasConnectedBeforeIsServed(_ loops: Int) throws {
        let descriptor = FileDescriptor(rawValue: foreignSocket())
        let socket = try InheritedSocket(descriptor: descriptor, name: "echo")
        #expect(fcntl(descriptor.rawValue, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(descriptor.rawValue, F_GETFD) & FD_CLOEXEC != 0)
        let early = try (0..<9).map { _ in try TestClient(socket.address) }
        for client in early { client.send("early") }
        var configuration = TCPServer(on: .loopback(port: 1), loops: loops)
        configuration.inheritance = Inheritance(sockets: [socket])
        let server = try configuration.listen { _ in EchoHandler() }
        defer { server.shutdown() }
        #expect(server.address == socket.address)
        try server.loop.run { early.allSatisfy { $0.drain() || $0.text == "early" } }
        #expect(early.allSatisfy { $0.text == "early" })
        var noDelay: CInt = 0
        var length = socklen_t(4)
        unsafe getsockopt(descriptor.rawValue, CInt(IPPROTO_TCP), TCP_NODELAY, &noDelay, &length)
        #expect(noDelay != 0, "the limits' options hold for it as for any other")
    }

    @Test func theSocketIsTheServersAndIsClosedWithIt() throws {
        let socket = try InheritedSocket(descriptor: FileDescriptor(rawValue: foreignSocket()))
        var configuration = TCPServer(on: .loopback(port: 1))
        configuration.inheritance = Inheritance(sockets: [socket])
        try configuration.listen { _ in EchoHandler() }.shutdown()
        #expect(throws: TestClient.Failure.self) { _ = try TestClient(socket.address) }
    }

    /// A successor owns a path only when it serves, and never one that its predecessor did not own.
    @Test(arguments: [(SocketRole.service, false, true), (.service, true, false), (.foreign, true, true)])
    func aPathIsTheSuccessorsWhenItServes(_ role: SocketRole, _ serves: Bool, _ stays: Bool) throws {
        let folder = TemporaryFolder()
        let before = try EventLoop()
        let listener = try before.listen(on: .unix(folder.path + "/s")) { _ in EchoHandler() }
        let descriptor = FileDescriptor(rawValue: dup(listener.fd.rawValue))
        listener.leavePath()
        before.shutdown()
        var socket = try InheritedSocket(descriptor: descriptor)
        socket.role = role
        var configuration = TCPServer(on: .loopback(port: 1))
        configuration.inheritance = Inheritance(sockets: [socket])
        let server = try configuration.listen { _ in EchoHandler() }
        if serves {
            server.loop.execute { server.loop.stop() }
            try server.run()
        } else {
            server.shutdown()
        }
        #expect((folder.mode(of: "s") != nil) == stays)
    }

    @Test func aDatagramSocketIsServedWhereItIsBound() throws {
        let socket = try InheritedSocket(
            descriptor: FileDescriptor(rawValue: foreignSocket(AF_INET, SOCK_DGRAM, listens: false)))
        #expect(socket.kind == .datagram && fcntl(socket.descriptor.rawValue, F_GETFL) & O_NONBLOCK != 0)
        let peer = try TestPeer()
        peer.send("early", to: socket.address)
        try withLoop(.epoll()) { loop in
            let server = try loop.adoptDatagrams(socket, handler: EchoDatagrams())
            #expect(server.address == socket.address)
            try loop.run { peer.texts == ["early"] }
            #expect(peer.received[0].source == socket.address)
        }
        #expect(throws: Never.self, "the socket is the loop's, and is closed with it") {
            _ = try TestPeer(at: socket.address)
        }
    }

    /// Each server takes its own kind, and names what it does not take.
    @Test func theOtherKindIsRefusedByItsName() throws {
        let datagrams = try InheritedSocket(
            descriptor: FileDescriptor(rawValue: foreignSocket(AF_INET, SOCK_DGRAM, listens: false)), name: "time")
        let stream = try InheritedSocket(descriptor: FileDescriptor(rawValue: foreignSocket()), name: "web")
        var configuration = TCPServer(on: .loopback(port: 1))
        configuration.inheritance = Inheritance(sockets: [stream, datagrams])
        let refused = #expect(throws: SocketError.self) { _ = try configuration.listen { _ in EchoHandler() } }
        #expect(
            refused?.description.contains("descriptor \(datagrams.descriptor.rawValue) (time): it is a datagram")
                == true)
        try withLoop(.epoll()) { loop in
            let refused = #expect(throws: SocketError.self) {
                _ = try loop.adoptDatagrams(stream, handler: EchoDatagrams())
            }
            #expect(refused?.description.contains("(web): it is a stream socket on \(stream.address)") == true)
        }
        var errors: [SocketError] = []
        let kept = try Inheritance(sockets: [stream, datagrams]).keeping(.datagram) { errors.append($0) }
        #expect(kept.sockets == [datagrams] && errors.map(\.description) == [refusal(of: stream)])
        #expect(throws: TestClient.Failure.self, "it is closed") { _ = try TestClient(stream.address) }
        #expect(throws: TestFailure.self, "it is open") { _ = try TestPeer(at: datagrams.address) }
        #expect(throws: SocketError.self) {
            _ = try Inheritance(sockets: [datagrams]).keeping(.stream) { errors.append($0) }
        }
        #expect(errors.count == 1)
        close(datagrams.descriptor.rawValue)
    }

    private func refusal(of socket: InheritedSocket) -> String {
        "cannot take over descriptor \(socket.descriptor.rawValue) (web): it is a stream socket on \(socket.address), "
            + "and this server takes datagrams; remove it from the unit (systemd.socket(5))"
    }

    @Test func whatIsNoSocketOfAServerIsRefusedByWhatItIs() throws {
        func refusal(_ descriptor: CInt) -> String? {
            #expect(throws: SocketError.self) {
                _ = try InheritedSocket(descriptor: FileDescriptor(rawValue: descriptor))
            }?.reason
        }
        let (datagram, bound) = (Glibc.socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0), foreignSocket(listens: false))
        let unix = Glibc.socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
        let (pipe, pair) = (Pair.pipe(), Pair.sockets())
        defer {
            close(datagram)
            close(bound)
            close(unix)
        }
        #expect(refusal(datagram) == "it is not bound to a port")
        #expect(refusal(unix) == "it is a Unix datagram socket; use a UDP socket")
        #expect(refusal(bound) == "it does not listen")
        #expect(refusal(pair.first.rawValue) == "it does not listen")
        #expect(refusal(pipe.first.rawValue) == "socket operation on non-socket (ENOTSOCK)")
        #expect(refusal(-1) == "bad file descriptor (EBADF)")
        withExtendedLifetime((pipe, pair)) {}
    }
}
