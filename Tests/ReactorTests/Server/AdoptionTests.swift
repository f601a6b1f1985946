// Descriptors from elsewhere as connections, on Linux: sockets, socket pairs, pipes, terminals, child processes.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct AdoptionTests {
    // MARK: Kinds

    @Test(arguments: Backend.all) func aSocketPairIsAConnection(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let pair = Pair.sockets()
            let recorder = Recorder()
            recorder.onReceived = { bytes, connection in connection.write(bytes) }
            let connection = try loop.adopt(pair.releaseFirst()) { _ in recorder }
            pair.second.put("hello")
            try loop.run { recorder.text == "hello" }
            try loop.run { pair.second.takeAll() == Array("hello".utf8) }
            #expect(connection.peer.isUnix && connection.peerCredentials != nil)
            pair.closeSecond()
            try loop.run { recorder.isClosed }
            #expect(recorder.calls == ["connected", "received", "ended", "closed"])
            #expect(recorder.reason?.kind == .ended)
            #expect(loop.registrationCount == 1 && loop.connectionCount == 0)
        }
    }

    /// Many times what a pipe holds, in both directions at once, by read(2) and write(2).
    @Test(arguments: Backend.all) func aPairOfPipesCarriesBulk(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (down, up) = (Pair.pipe(), Pair.pipe())
            let (near, far) = (Recorder(), Recorder())
            near.onConnected = { connection in
                connection.write(pattern(1 << 20))
                connection.closeWrite()
            }
            near.onEnded = nil
            far.onReceived = { bytes, connection in connection.write(bytes) }
            far.onEnded = { $0.close() }
            var limits = Limits()
            // Otherwise each side would stop reading for the pressure of its own output.
            (limits.outputHighWatermark, limits.outputLimit) = (4 << 20, 4 << 20)
            try loop.adopt(down.releaseFirst(), writingTo: up.releaseSecond(), limits: limits) { _ in near }
            try loop.adopt(up.releaseFirst(), writingTo: down.releaseSecond(), limits: limits) { _ in far }
            try loop.run { near.isClosed && far.isClosed }
            #expect(near.bytes == pattern(1 << 20))
            #expect(near.reason?.kind == .ended && far.reason?.kind == .ended)
            #expect(loop.registrationCount == 1)
        }
    }

    /// Backpressure and the limit of the output belong to an adopted pipe, too.
    @Test(arguments: Backend.all) func aReaderThatDoesNotReadIsFelt(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (down, up) = (Pair.pipe(), Pair.pipe())
            let recorder = Recorder()
            var results: [WriteResult] = []
            recorder.onConnected = { connection in
                for _ in 0..<8 { results.append(connection.write(pattern(32 << 10))) }
            }
            var limits = Limits()
            (limits.outputLowWatermark, limits.outputHighWatermark, limits.outputLimit) = (1024, 64 << 10, 1 << 20)
            let connection = try loop.adopt(down.releaseFirst(), writingTo: up.releaseSecond(), limits: limits) { _ in
                recorder
            }
            try loop.run { connection.isReadingPaused }
            #expect(results.last == .pressure)
            var received: [UInt8] = []
            try loop.run {
                received += up.first.takeAll()
                return received.count == 256 << 10 && recorder.calls.contains("drained")
            }
            #expect(!connection.isReadingPaused)
            // One write of any size is taken; what is written under pressure counts against the limit.
            #expect(connection.write(pattern(2 << 20)) == .pressure)
            #expect(connection.write([1]) == .closed)
            try loop.run { recorder.isClosed }
            #expect(recorder.reason?.kind == .outputLimit)
        }
    }

    @Test(arguments: Backend.all) func deadlinesHoldForPipes(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (down, up) = (Pair.pipe(), Pair.pipe())
            let (idle, stalled) = (Recorder(), Recorder())
            stalled.onConnected = { $0.write(pattern(256 << 10)) }
            var limits = Limits()
            limits.idleTime = .milliseconds(50)
            let quiet = Pair.pipe()
            try loop.adopt(quiet.releaseFirst(), limits: limits) { _ in idle }
            limits.idleTime = nil
            limits.writeStallTime = .milliseconds(50)
            try loop.adopt(down.releaseFirst(), writingTo: up.releaseSecond(), limits: limits) { _ in stalled }
            try loop.run { idle.isClosed && stalled.isClosed }
            #expect(idle.reason?.kind == .idle && stalled.reason?.kind == .writeStalled)
        }
    }

    /// The input of a pair goes on when the reader of its output has gone, and no SIGPIPE ends this process.
    @Test(arguments: Backend.all) func aPairOutlivesTheReaderOfItsOutput(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (down, up) = (Pair.pipe(), Pair.pipe())
            let recorder = Recorder()
            let connection = try loop.adopt(down.releaseFirst(), writingTo: up.releaseSecond()) { _ in recorder }
            try loop.run { recorder.connection != nil }
            up.closeFirst()
            connection.write("lost")
            try loop.run { connection.write("more") == .closed }
            down.second.put("still here")
            try loop.run { recorder.text == "still here" }
            down.closeSecond()
            try loop.run { recorder.isClosed }
            #expect((recorder.reason?.error as? SocketError)?.errno == .brokenPipe)
        }
    }

    /// A read end alone cannot be written to, and ends by itself.
    @Test(arguments: Backend.all) func aReadEndAlone(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let pair = Pair.pipe()
            let recorder = Recorder()
            let connection = try loop.adopt(pair.releaseFirst()) { _ in recorder }
            #expect(connection.write("x") == .closed)
            pair.second.put("one")
            try loop.run { recorder.text == "one" }
            // A rate limit diverts reading once more.
            connection.readRate = RateLimit(bytesPerSecond: 1 << 20)
            pair.second.put(" two")
            try loop.run { recorder.text == "one two" }
            pair.closeSecond()
            try loop.run { recorder.isClosed }
            #expect(recorder.calls == ["connected", "received", "ended", "closed"])
        }
    }

    /// EIO, which a terminal reports once its other side has hung up, is the end of the stream.
    @Test(arguments: Backend.all) func aTerminalThatHangsUpHasEnded(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let terminal = try Terminal()
            let recorder = Recorder()
            let connection = try loop.adopt(OwnedDescriptor(terminal.master)) { _ in recorder }
            terminal.put("from the slave\n")
            try loop.run { recorder.text == "from the slave\r\n" }
            connection.write("typed\n")
            try loop.run { terminal.takeAll().contains("typed\n") }
            #expect(connection.local == nil && connection.peerCredentials == nil)
            terminal.hangUp()
            try loop.run { recorder.isClosed }
            #expect(recorder.reason?.kind == .ended)
        }
    }

    @Test(arguments: Backend.all) func filesLeaveThroughAPipe(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (down, up) = (Pair.pipe(), Pair.pipe())
            let recorder = Recorder()
            recorder.onConnected = { connection in
                connection.write("head ")
                connection.sendFile(OwnedDescriptor(regularFile("file")), count: 4)
                connection.write(" tail")
                connection.close()
            }
            try loop.adopt(down.releaseFirst(), writingTo: up.releaseSecond()) { _ in recorder }
            try loop.run { recorder.isClosed }
            #expect(up.first.takeAll() == Array("head file tail".utf8))
        }
    }

    // MARK: Refusals

    /// What is refused is closed.
    @Test func aRefusedDescriptorIsClosed() throws {
        final class Closes: ForwardingKernel {
            let base: any SystemCalls = LinuxKernel.shared
            var closed: [CInt] = []
            func close(_ descriptor: FileDescriptor) -> SystemResult {
                closed.append(descriptor.rawValue)
                return base.close(descriptor)
            }
        }
        let kernel = Closes()
        try withLoop(.epoll(), kernel: kernel) { loop in
            let (file, pair) = (regularFile("x"), Pair.pipe())
            let numbers = [pair.first.rawValue, file.rawValue]
            #expect(throws: SocketError.self) {
                try loop.adopt(pair.releaseFirst(), writingTo: OwnedDescriptor(file)) { _ in Recorder() }
            }
            #expect(kernel.closed == numbers)
        }
    }

    @Test func whatCannotBeAdoptedIsRefusedInOneLine() throws {
        try withLoop(.epoll()) { loop in
            func refusal(_ descriptor: consuming OwnedDescriptor) -> String {
                do throws(SocketError) {
                    try loop.adopt(descriptor) { _ in Recorder() }
                    return "adopted"
                } catch {
                    #expect(error.operation == .adopt && !error.description.contains("\n"))
                    return error.description
                }
            }
            #expect(refusal(OwnedDescriptor(FileDescriptor(rawValue: 60_000))).contains("EBADF"))
            #expect(refusal(OwnedDescriptor(regularFile("x"))).contains("EPERM"))
            func opened(_ path: String, _ flags: CInt) -> OwnedDescriptor {
                OwnedDescriptor(FileDescriptor(rawValue: unsafe open(path, flags)))
            }
            #expect(refusal(opened("/tmp", O_RDONLY)).contains("directory"))
            #expect(refusal(opened("/tmp", 0o10000000)).contains("O_PATH"))
            func made(_ type: __socket_type) -> CInt { Glibc.socket(AF_INET, CInt(type.rawValue), 0) }
            #expect(refusal(OwnedDescriptor(FileDescriptor(rawValue: made(SOCK_DGRAM)))).contains("stream"))
            #expect(refusal(OwnedDescriptor(FileDescriptor(rawValue: made(SOCK_STREAM)))).contains("ENOTCONN"))
            let listening = made(SOCK_STREAM)
            Glibc.listen(listening, 1)
            #expect(refusal(OwnedDescriptor(FileDescriptor(rawValue: listening))).contains("listening"))
            let pair = Pair.pipe()
            let number = pair.first
            try loop.watch(number, for: .readable) { _ in }
            #expect(refusal(OwnedDescriptor(number)).contains("EEXIST"))
            #expect(fcntl(number.rawValue, F_GETFD) >= 0, "it belongs to the watch")
            #expect(refusal(pair.releaseSecond()).contains("writing only"))
            #expect(loop.connectionCount == 0 && loop.registrationCount == 2)
        }
    }

    @Test func aDescriptorIsAdoptedOnce() throws {
        try withLoop(.epoll()) { loop in
            let pair = Pair.sockets()
            let number = pair.first
            let recorder = Recorder()
            let connection = try loop.adopt(pair.releaseFirst()) { _ in recorder }
            #expect(throws: SocketError.self) { try loop.adopt(OwnedDescriptor(number)) { _ in Recorder() } }
            // Aborted before it has begun: neither its handler nor the counters notice.
            connection.abort()
            try loop.run(for: .milliseconds(5))
            #expect(recorder.calls == [] && loop.connectionCount == 0)
            #expect(pair.second.takeAll() == [])
        }
    }

    /// The flags of the open file description, which a duplicate shares, are as before.
    @Test(arguments: Backend.all) func theFormerFlagsAreRestored(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (down, up) = (Pair.pipe(), Pair.pipe())
            let copies = [down.first, up.second].map { dup($0.rawValue) }
            defer { copies.forEach { Glibc.close($0) } }
            for copy in copies { _ = fcntl(copy, F_SETFL, 0) }
            let recorder = Recorder()
            let connection = try loop.adopt(down.releaseFirst(), writingTo: up.releaseSecond()) { _ in recorder }
            try loop.run { recorder.connection != nil }
            #expect(copies.allSatisfy { fcntl($0, F_GETFL) & O_NONBLOCK != 0 })
            connection.close()
            try loop.run { recorder.isClosed }
            #expect(copies.allSatisfy { fcntl($0, F_GETFL) & O_NONBLOCK == 0 })
        }
    }

    /// A handler may adopt: what it has written before is not sent to the wrong connection.
    @Test(arguments: Backend.all) func aHandlerAdopts(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (outer, inner) = (Pair.sockets(), Pair.sockets())
            let recorder = Recorder()
            let adopted = Recorder()
            adopted.onConnected = { $0.write("inner") }
            recorder.onReceived = { _, connection in
                connection.write("out")
                try loop.adopt(inner.releaseFirst()) { _ in adopted }
                connection.write("er")
            }
            try loop.adopt(outer.releaseFirst()) { _ in recorder }
            outer.second.put("go")
            try loop.run { adopted.connection != nil }
            #expect(outer.second.takeAll() == Array("outer".utf8))
            #expect(inner.second.takeAll() == Array("inner".utf8))
        }
    }

    /// A live loop moves a pair of pipes to another selector.
    @Test func aPairMovesToAnotherSelector() throws {
        try withLoop(.poll) { loop in
            let (down, up) = (Pair.pipe(), Pair.pipe())
            let recorder = Recorder()
            recorder.onReceived = { bytes, connection in connection.write(bytes) }
            try loop.adopt(down.releaseFirst(), writingTo: up.releaseSecond()) { _ in recorder }
            for backend in Backend.all {
                try loop.switch(to: backend)
                down.second.put("x")
                try loop.run { up.first.takeAll() == Array("x".utf8) }
            }
        }
    }

    // MARK: Child processes

    @Test(arguments: Backend.all) func aChildProcessIsAConnection(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let recorder = Recorder()
            recorder.onConnected = { connection in
                connection.write(pattern(300_000))
                connection.closeWrite()
            }
            var limits = Limits()
            (limits.outputHighWatermark, limits.outputLimit) = (1 << 20, 1 << 20)
            var end: ProcessEnd?
            let child = try loop.spawn("/bin/cat", limits: limits, exited: { end = $0 }) { _ in recorder }
            try loop.run { recorder.isClosed && end != nil }
            #expect(recorder.bytes == pattern(300_000))
            #expect(end == .exited(0) && child.end == end)
            #expect(loop.registrationCount == 1)
        }
    }

    @Test func aChildProcessHasArgumentsAnEnvironmentAndAnEnd() throws {
        try withLoop(.epoll()) { loop in
            let recorder = Recorder()
            var ends: [ProcessEnd] = []
            let script = "echo $1 $COLOUR; exit 3"
            try loop.spawn(
                "/bin/sh", arguments: ["-c", script, "sh", "one"], environment: ["COLOUR=blue"],
                exited: { ends.append($0) }, handler: { _ in recorder })
            try loop.run { recorder.isClosed && ends.count == 1 }
            #expect(recorder.text == "one blue\n" && ends == [.exited(3)])
            let other = Recorder()
            let child = try loop.spawn("/bin/cat", exited: { ends.append($0) }) { _ in other }
            child.send(.terminate)
            try loop.run { other.isClosed && ends.count == 2 }
            #expect(ends.last == .killed(.terminate))
            let error = #expect(throws: SocketError.self) { try loop.spawn("/no/such/program") { _ in Recorder() } }
            #expect(error?.errno == .noSuchFileOrDirectory)
        }
    }
}

extension Pair {
    /// Gives the first descriptor away.
    func releaseFirst() -> OwnedDescriptor {
        defer { forgetFirst() }
        return OwnedDescriptor(first)
    }

    /// Gives the second descriptor away.
    func releaseSecond() -> OwnedDescriptor {
        defer { forgetSecond() }
        return OwnedDescriptor(second)
    }
}

/// A pseudoterminal: its master is adopted, its slave belongs to the test.
private final class Terminal {
    let master: FileDescriptor
    private var slave: CInt

    init() throws {
        let master = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var (unlocked, number): (CInt, CInt) = (0, 0)
        // TIOCSPTLCK and TIOCGPTN: the work of unlockpt(3) and ptsname(3).
        guard master >= 0, unsafe ioctl(master, 0x4004_5431, &unlocked) == 0,
            unsafe ioctl(master, 0x8004_5430, &number) == 0
        else { throw TestFailure(word: "no pseudoterminal") }
        slave = unsafe open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_NONBLOCK)
        self.master = FileDescriptor(rawValue: master)
    }

    deinit { hangUp() }

    func put(_ text: String) { _ = FileDescriptor(rawValue: slave).put(text) }

    func takeAll() -> String { String(decoding: FileDescriptor(rawValue: slave).takeAll(), as: UTF8.self) }

    func hangUp() {
        if slave >= 0 { Glibc.close(slave) }
        slave = -1
    }
}
