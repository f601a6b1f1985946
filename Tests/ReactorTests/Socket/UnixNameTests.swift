// Names of Unix sockets at their limits (unix(7)): all of `sun_path`, any byte, none at all. A peer chooses its own name,
// so that every one of them has to survive being printed, parsed and used.

import Glibc
import Reactor
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct UnixNameTests {
    /// Names that a client may have, as the kernel keeps them.
    private static func names(_ folder: TemporaryFolder) -> [[UInt8]] {
        let path = Array("\(folder.path)/".utf8)
        let tag = Array("reactor-\(getpid())-".utf8)
        func filled(_ name: [UInt8], to count: Int) -> [UInt8] {
            name + Array(repeating: 0x78, count: count - name.count)
        }
        return [
            filled([0] + tag, to: 108),  // an abstract name of 107 bytes and the zero before it
            [0] + tag + [0, 0xff, 0x1b, 0x5c, 0x0a, 0],
            [0] + tag + Array("ümläut".utf8),
            filled(path, to: 108),  // a path without room for the zero behind it
            filled(path, to: 107),
            path + [0xff, 0xfe],
            path + Array("two\nlines\u{1b}[2J\u{202e}".utf8),
        ]
    }

    @Test func aPeersNameOfAnyBytesIsPrintedParsedAndConnectedTo() throws {
        let folder = TemporaryFolder()
        try withLoop(.epoll()) { loop in
            var peers: [SocketAddress] = []
            let listener = try loop.listen(on: "unix:@reactor-names-\(getpid())") { connection in
                peers.append(connection.peer)
                return EchoHandler()
            }
            for name in Self.names(folder) {
                let client = RawUnixSocket(name: name)
                try client.connect(to: listener.address)
                try loop.run { !peers.isEmpty }
                let peer = peers.removeLast()
                #expect(client.localName == name)
                let text = "\(peer)"
                #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f && $0.value != 0x202e })
                #expect(try SocketAddress(text) == peer)
                client.close()
                if name[0] != 0 { unlink(name) }
                // The same name, as a server's that the framework knows nothing of.
                let server = RawUnixSocket(name: name)
                server.listen()
                let recorder = Recorder()
                try loop.connect(to: SocketAddress(text), handler: { _ in recorder }, failed: { Issue.record("\($0)") })
                try loop.run { recorder.connection != nil }
                recorder.connection?.close()
                server.close()
                if name[0] != 0 { unlink(name) }
                // And as this side's own.
                let own = Recorder()
                try loop.connect(
                    to: listener.address, from: peer, handler: { _ in own }, failed: { Issue.record("\($0)") })
                try loop.run { own.connection != nil && !peers.isEmpty }
                #expect(peers.removeLast() == peer)
                #expect(own.connection?.local == peer)
                own.connection?.abort()
                try loop.run { own.isClosed }
                if name[0] != 0 { unlink(name) }
            }
        }
    }

    private func unlink(_ name: [UInt8]) { _ = unsafe Glibc.unlink(name.map { CChar(bitPattern: $0) } + [0]) }

    @Test func aServerNeedsANameThatClientsCanWrite() throws {
        let folder = TemporaryFolder()
        try withLoop(.epoll()) { loop in
            let unnamed = #expect(throws: SocketError.self) { try loop.listen(on: .unnamedUnix) { _ in EchoHandler() } }
            #expect("\(unnamed!)".contains("without a name"))
            let path = "unix:\(folder.path)/".utf8.count - 5
            let longest = String(repeating: "x", count: 107 - path)
            let tooLong = #expect(throws: SocketError.self) {
                try loop.listen(on: "unix:\(folder.path)/\(longest)x") { _ in EchoHandler() }
            }
            #expect("\(tooLong!)".contains("108 bytes"))
            try loop.listen(on: "unix:\(folder.path)/\(longest)") { _ in EchoHandler() }.close()
            let name = "unix:@" + String(repeating: "y", count: 101) + "\(getpid() % 1_000_000 + 1_000_000)".suffix(6)
            let listener = try loop.listen(on: name) { _ in EchoHandler() }
            #expect("\(listener.address)" == name && name.utf8.count == 5 + 108)
        }
    }

    @Test func nothingConnectsToASocketWithoutAName() throws {
        try withLoop(.epoll()) { loop in
            let error = #expect(throws: SocketError.self) {
                try loop.connect(to: .unnamedUnix, handler: { _ in Recorder() }, failed: { _ in })
            }
            #expect("\(error!)".contains("without a name"))
            // From one, a client is what it is anyway: nameless.
            let listener = try loop.listen(on: "unix:@reactor-unnamed-\(getpid())") { _ in EchoHandler() }
            let recorder = Recorder()
            try loop.connect(
                to: listener.address, from: .unnamedUnix, handler: { _ in recorder }, failed: { Issue.record("\($0)") })
            try loop.run { recorder.connection != nil }
            #expect(recorder.connection?.local == .unnamedUnix)
            #expect(throws: SocketError.self) { try SocketAddress("\(SocketAddress.unnamedUnix)") }
        }
    }

    @Test func escapedNamesAreParsed() throws {
        #expect(try SocketAddress.unix("\\/run/\\x41") == .unix("/run/A"))
        #expect(try SocketAddress.unix("\\@name") == .unix("@name"))
        #expect(try SocketAddress.unix("\\@").description == "unix:\\@", "an abstract name of no bytes")
        // What only looks like an abstract name, or like an escaped one.
        #expect(try SocketAddress.unix("\\\\x40name").description == "unix:\\\\x40name")
        #expect(try SocketAddress.unix("\\\\x40name").unixPath == "@name")
        #expect(try SocketAddress.unix("/a\\x2db").unixPath == "/a\\x2db", "a backslash elsewhere is itself")
        for text in ["\\", "\\/\\", "\\/\\x", "\\/\\x4", "\\/\\xg0", "\\/\\n", "\\/\\x00"] {
            #expect(throws: SocketError.self, "\(text)") { try SocketAddress.unix(text) }
        }
        for count in [109, 110, 4096] {
            #expect(throws: SocketError.self) { try SocketAddress.unix("@" + String(repeating: "x", count: count - 1)) }
        }
    }

    @Test func credentialsAreThoseOfTheSocketWhateverAProxySays() throws {
        try withLoop(.epoll()) { loop in
            var server = try TCPServer(on: "unix:@reactor-credentials-\(getpid())")
            server.proxyProtocol = ProxyProtocol(trusting: [])
            let accepted = Accepted()
            let listening = try server.listen(on: loop, preparing: { _ in { accepted.take($0) } })
            let client = Recorder()
            client.onConnected = { $0.write("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n") }
            try loop.connect(to: listening.address, handler: { _ in client }, failed: { Issue.record("\($0)") })
            try loop.run { accepted.connection != nil }
            #expect(accepted.connection?.peer.isUnix == false)
            #expect(accepted.connection?.peerCredentials?.process == getpid())
        }
    }

    // Used on the test's thread only.
    private final class Accepted: @unchecked Sendable {
        weak var connection: Connection?
        func take(_ connection: Connection) -> EchoHandler {
            self.connection = connection
            return EchoHandler()
        }
    }

    @Test func datagramsHaveNoUnixAddresses() throws {
        let bytes: [UInt8] = [1, 2, 3]
        let (inbox, outbox) = (
            DatagramInbox(capacity: 1, datagramSize: 8), DatagramOutbox(capacity: 1, byteCapacity: 8)
        )
        #expect(unsafe !inbox.append(bytes.span.bytes, from: .unnamedUnix))
        #expect(unsafe !outbox.append(bytes.span.bytes, to: try .unix("@x")))
    }
}

/// A Unix socket that the framework knows nothing of, with a name of any bytes.
private struct RawUnixSocket {
    private let descriptor: CInt

    init(name: [UInt8]) {
        descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | UInt32(SOCK_CLOEXEC.rawValue)), 0)
        precondition(unsafe call(name, bind) == 0, "a name can be bound")
    }

    /// Calls bind(2) or connect(2) with a name; the kernel ends a path by itself.
    private func call(_ name: [UInt8], _ call: (CInt, UnsafePointer<sockaddr>?, socklen_t) -> CInt) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
        return unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe call(descriptor, $0, socklen_t(2 + name.count))
            }
        }
    }

    func connect(to address: SocketAddress) throws {
        #expect(unsafe call([0] + Array(address.host.utf8.dropFirst()), Glibc.connect) == 0)
    }

    func listen() { #expect(Glibc.listen(descriptor, 5) == 0) }

    var localName: [UInt8] {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        _ = unsafe withUnsafeMutablePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &length) }
        }
        let name = unsafe withUnsafeBytes(of: &address.sun_path) { unsafe Array($0.prefix(Int(length) - 2)) }
        return name.first == 0 ? name : Array(name.prefix { $0 != 0 })
    }

    func close() { Glibc.close(descriptor) }
}
