// Unix stream sockets: names, paths that are taken, left behind or no sockets, permissions, peers, a full accept queue.

import Glibc
import Reactor
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct UnixSocketTests {
    @Test(arguments: Backend.all) func anEchoOverAPath(_ backend: Backend) throws {
        let folder = TemporaryFolder()
        try withLoop(backend) { loop in
            let listener = try loop.listen(on: "unix:\(folder.path)/s") { _ in EchoHandler() }
            #expect("\(listener.address)" == "unix:\(folder.path)/s")
            #expect(folder.mode(of: "s") == 0o600)
            let client = try loop.talk(to: listener.address, saying: "hello")
            try loop.run { client.text == "hello" }
            let connection = try #require(client.connection)
            #expect(connection.peer == listener.address)
            #expect(connection.local == .unnamedUnix)
            #expect(connection.peerCredentials?.process == getpid())
            #expect(connection.peerCredentials?.user == geteuid())
            connection.close()
            try loop.run { client.isClosed }
            listener.close()
            #expect(folder.mode(of: "s") == nil)
        }
    }

    @Test(arguments: Backend.all) func anEchoOverAnAbstractName(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let name = "unix:@reactor-test-\(getpid())-\(backend)"
            let listener = try loop.listen(on: name) { _ in EchoHandler() }
            #expect("\(listener.address)" == name)
            let client = try loop.talk(to: listener.address, saying: "hello")
            try loop.run { client.text == "hello" }
            #expect(throws: SocketError.self) { try loop.listen(on: name) { _ in EchoHandler() } }
        }
    }

    @Test func whatACrashedServerLeftBehindIsReplaced() throws {
        let folder = TemporaryFolder()
        folder.leaveSocket("s")
        try withLoop(.epoll()) { loop in
            let listener = try loop.listen(on: "unix:\(folder.path)/s") { _ in EchoHandler() }
            let client = try loop.talk(to: listener.address, saying: "x")
            try loop.run { client.text == "x" }
        }
        #expect(folder.mode(of: "s") == nil)
    }

    @Test func aServerThatListensIsLeftAlone() throws {
        let folder = TemporaryFolder()
        try withLoop(.epoll()) { loop in
            let listener = try loop.listen(on: "unix:\(folder.path)/s") { _ in EchoHandler() }
            let error = #expect(throws: SocketError.self) {
                try loop.listen(on: "unix:\(folder.path)/s") { _ in EchoHandler() }
            }
            #expect("\(error!)".contains("another server has it"))
            let client = try loop.talk(to: listener.address, saying: "x")
            try loop.run { client.text == "x" }
        }
    }

    @Test func aFileThatIsNoSocketIsLeftAlone() throws {
        let folder = TemporaryFolder()
        folder.makeFile("s")
        try withLoop(.epoll()) { loop in
            let error = #expect(throws: SocketError.self) {
                try loop.listen(on: "unix:\(folder.path)/s") { _ in EchoHandler() }
            }
            #expect("\(error!)".contains("is not a socket"))
        }
        #expect(folder.mode(of: "s") == 0o644)
    }

    @Test func aPathWhereAnotherServerIsJustStartingIsRefused() throws {
        let folder = TemporaryFolder()
        try withLoop(.epoll()) { loop in
            let lock = LinuxKernel.shared.lockDirectory(FilePath(folder.path))
            #expect(lock.succeeded)
            let error = #expect(throws: SocketError.self) {
                try loop.listen(on: "unix:\(folder.path)/s") { _ in EchoHandler() }
            }
            #expect("\(error!)".contains("just starting"))
            // A child that was forked meanwhile has a duplicate, which must not keep the lock.
            let duplicate = try lock.descriptor.duplicate()
            defer { try? duplicate.close() }
            #expect(LinuxKernel.shared.unlockDirectory(lock.descriptor).succeeded)
            try loop.listen(on: "unix:\(folder.path)/s") { _ in EchoHandler() }
        }
    }

    @Test func aPathThatIsAnothersByNowStays() throws {
        let folder = TemporaryFolder()
        try withLoop(.epoll()) { loop in
            let listener = try loop.listen(on: "unix:\(folder.path)/s") { _ in EchoHandler() }
            folder.remove("s")
            folder.leaveSocket("s")
            listener.close()
            #expect(folder.mode(of: "s") != nil)
        }
    }

    @Test func permissionsAreExactWhateverTheUmask() throws {
        let folder = TemporaryFolder()
        try withLoop(.epoll()) { loop in
            for permissions: FilePermissions in [.ownerReadWrite, [.ownerReadWrite, .groupReadWrite, .otherReadWrite]] {
                var limits = Limits()
                limits.unixPermissions = permissions
                let listener = try loop.listen(on: "unix:\(folder.path)/s", limits: limits) { _ in EchoHandler() }
                #expect(folder.mode(of: "s") == mode_t(permissions.rawValue))
                listener.close()
            }
        }
    }

    @Test func failuresNameThePath() throws {
        let folder = TemporaryFolder()
        try withLoop(.epoll()) { loop in
            let missing = #expect(throws: SocketError.self) {
                try loop.listen(on: "unix:\(folder.path)/nowhere/s") { _ in EchoHandler() }
            }
            #expect("\(missing!)".contains("\(folder.path)/nowhere/s"))
            #expect(missing?.errno == .noSuchFileOrDirectory)
            let nobody = #expect(throws: SocketError.self) {
                try loop.talk(to: SocketAddress("unix:\(folder.path)/s"), saying: "x")
            }
            #expect(nobody?.errno == .noSuchFileOrDirectory)
            folder.leaveSocket("s")
            let gone = #expect(throws: SocketError.self) {
                try loop.talk(to: SocketAddress("unix:\(folder.path)/s"), saying: "x")
            }
            #expect(gone?.errno == .connectionRefused)
        }
        #expect(throws: SocketError.self) { try SocketAddress("unix:") }
        #expect(throws: SocketError.self) { try SocketAddress("unix:@") }
        #expect(throws: SocketError.self) { try SocketAddress("unix:/\0") }
        #expect(throws: SocketError.self) { try SocketAddress("unix:/" + String(repeating: "x", count: 108)) }
        let longest = "unix:/" + String(repeating: "x", count: 107)
        #expect(try SocketAddress(longest).description == longest)
    }

    @Test(arguments: Backend.all) func aFullAcceptQueueIsWaitedFor(_ backend: Backend) throws {
        let folder = TemporaryFolder()
        try withLoop(backend) { loop in
            // A listener that nobody accepts from, with room for one more than its backlog.
            let address = try SocketAddress("unix:\(folder.path)/s")
            let server = folder.listen("s", backlog: 0)
            var errors: [SocketError] = []
            let first = try loop.talk(to: address, saying: "1")
            let second = try loop.talk(to: address, saying: "2")
            let third = try loop.talk(to: address, saying: "3", timeout: .milliseconds(60)) { errors.append($0) }
            try loop.run { first.connection != nil && errors.count == 1 }
            #expect(errors[0].errno == .timedOut)
            #expect(third.connection == nil && second.connection == nil)
            let turns = loop.statistics.turns
            try loop.run(for: .milliseconds(100))
            #expect(loop.statistics.turns - turns < 20, "the loop spins while it waits")
            let accepted = accept(server, nil, nil)
            try loop.run { second.connection != nil }
            close(accepted)
            close(server)
        }
    }
}

extension EventLoop {
    /// Connects, says something, and records what comes back.
    fileprivate func talk(
        to address: SocketAddress, saying text: String, timeout: Duration = .seconds(10),
        failed: @escaping (SocketError) -> Void = { Issue.record("\($0)") }
    ) throws(SocketError) -> Recorder {
        let recorder = Recorder()
        recorder.onConnected = { $0.write(text) }
        try connect(to: address, timeout: timeout, handler: { _ in recorder }, failed: failed)
        return recorder
    }
}
