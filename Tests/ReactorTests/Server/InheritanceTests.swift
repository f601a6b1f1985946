// Sockets that a server did not make itself.

import Glibc
import SystemPackage
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

@Suite struct InheritanceTests {
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
        let descriptor = FileDescriptor(rawValue: dup(listener.name.rawValue))
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

    @Test func whatIsNoListeningStreamSocketIsRefusedByWhatItIs() throws {
        func refusal(_ descriptor: CInt) -> String? {
            #expect(throws: SocketError.self) {
                _ = try InheritedSocket(descriptor: FileDescriptor(rawValue: descriptor))
            }?.reason
        }
        let (datagram, bound) = (foreignSocket(AF_INET, SOCK_DGRAM, listens: false), foreignSocket(listens: false))
        let (pipe, pair) = (Pair.pipe(), Pair.sockets())
        defer {
            close(datagram)
            close(bound)
        }
        #expect(refusal(datagram) == "it is no stream socket")
        #expect(refusal(bound) == "it does not listen")
        #expect(refusal(pair.first.rawValue) == "it does not listen")
        #expect(refusal(pipe.first.rawValue) == "socket operation on non-socket")
        #expect(refusal(-1) == "bad file descriptor")
        withExtendedLifetime((pipe, pair)) {}
    }
}
