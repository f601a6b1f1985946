// Descriptors that other code of the process closes while the loop watches them: whoever has one is notified once, nothing
// spins, and the number, which may be another file's by then, is left alone. The numbers are high ones, which the other
// tests of this process do not get.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct LostDescriptorTests {
    @Test(arguments: Backend.all, [true, false]) func aWatchIsToldOnceThatItsDescriptorIsClosed(
        _ backend: Backend, isPaused: Bool
    ) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let pair = Pair.sockets()
            let descriptor = raised(pair.first, to: 900)
            var told: [Readiness] = []
            let watch = try loop.watch(descriptor, for: isPaused ? [] : .readable) { told.append($0) }
            try loop.turn(mayWait: false)
            close(descriptor.rawValue)
            let waits = kernel.waits
            try loop.run(for: .milliseconds(300))
            #expect(kernel.waits - waits < 12, "it does not spin")
            // epoll forgets it silently, select does not look at one that is paused: both notice when more is wanted.
            watch.interest = isPaused ? .readable : [.readable, .writable]
            try loop.run { !told.isEmpty }
            try loop.run(for: .milliseconds(5))
            #expect(told == [.invalid])
            #expect(loop.registrationCount == 1)
            watch.cancel()
        }
    }

    @Test(arguments: Backend.all) func aWatchThatIsCancelledIsToldNothing(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let pair = Pair.sockets()
            let number = raised(pair.first, to: 920).rawValue
            let watch = try loop.watch(FileDescriptor(rawValue: number), for: .readable) { _ in
                Issue.record("told after cancel")
            }
            try loop.turn(mayWait: false)
            close(number)
            // The number is given again, and its new owner registers it.
            #expect(dup2(pair.second.rawValue, number) == number)
            watch.cancel()
            let other = try loop.watch(FileDescriptor(rawValue: number), for: .readable) { _ in }
            try loop.run(for: .milliseconds(5))
            other.cancel()
            close(number)
        }
    }

    @Test(arguments: Backend.all) func aPausedConnectionEndsWithAReason(_ backend: Backend) throws {
        let kernel = FaultyKernel(over: HighDescriptorKernel(lowestDescriptor: 940))
        try withLoop(backend, kernel: kernel) { loop in
            let server = Recorder()
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in server }
            let client = Recorder()
            try loop.connect(to: listener.address, handler: { _ in client }, failed: { Issue.record("\($0)") })
            try loop.run { server.connection != nil && client.connection != nil }
            let connection = try #require(server.connection)
            connection.pauseReading()
            try loop.turn(mayWait: false)
            let number = try #require(connection.fileDescriptor).rawValue
            close(number)
            let waits = kernel.waits
            try loop.run(for: .milliseconds(300))
            #expect(kernel.waits - waits < 12, "it does not spin")
            // Whoever gets the number keeps it.
            let other = regularFile("another's")
            #expect(dup2(other.rawValue, number) == number)
            if backend == .poll {
                #expect(server.reason?.kind == .failed && server.calls.filter { $0 == "closed" }.count == 1)
                #expect(fcntl(number, F_GETFD) >= 0, "the number is left alone")
                close(number)
            } else {
                connection.abort()  // which closes the number: the framework cannot know better
                try loop.run { server.isClosed }
            }
            close(other.rawValue)
        }
    }

    @Test func listenersDatagramSocketsAndSignalsEndAndAreReported() throws {
        let kernel = RaisingKernel()
        try withLoop(.poll, kernel: kernel) { loop in
            var reports: [LoopReport.Kind] = []
            loop.onReport = { reports.append($0.kind) }
            let signal = Signal(rawValue: 60)
            let watch = try loop.watchSignal(signal) {}
            let receiver = DatagramRecorder()
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: receiver)
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
            try loop.turn(mayWait: false)
            let turns = loop.statistics.turns
            for number in kernel.made { close(number) }
            try loop.run { receiver.isClosed }
            let after = loop.statistics.turns
            try loop.run(for: .milliseconds(100))
            #expect(after - turns < 20 && loop.statistics.turns - after < 20, "it does not spin")
            #expect(reports == [.descriptorLost], "at most one a second")
            #expect(socket.isClosed)
            listener.close()
            #expect(receiver.error?.errno == .badFileDescriptor)
            #expect(loop.registrationCount == 1)
            watch.cancel()
            try loop.watchSignal(signal) {}.cancel()
        }
    }

    @Test(arguments: [Backend.poll, .select]) func aLoopWithoutItsWakeUpEndsWithAnError(_ backend: Backend) throws {
        let kernel = RaisingKernel()
        kernel.raisesWakeUp = true
        let loop = try EventLoop(backend: backend, kernel: kernel)
        for number in kernel.made { close(number) }
        let error = #expect(throws: SocketError.self) { try loop.run() }
        #expect(error?.errno == .badFileDescriptor)
        #expect(!loop.handle.stop(), "nothing is written to whatever has the number now")
    }

    /// The same open file under a high number, the only one that is left of it.
    private func raised(_ descriptor: FileDescriptor, to lowest: CInt) -> FileDescriptor {
        FileDescriptor(rawValue: fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, lowest))
    }

    /// Gives signalfds, sockets and, if asked for, eventfds high numbers, and remembers them.
    private final class RaisingKernel: ForwardingKernel {
        let base: any SystemCalls = LinuxKernel.shared
        var raisesWakeUp = false
        private(set) var made: [CInt] = []

        private func raised(_ result: SystemResult) -> SystemResult {
            let number = fcntl(result.descriptor.rawValue, F_DUPFD_CLOEXEC, 960)
            _ = base.close(result.descriptor)
            made.append(number)
            return SystemResult(Int(number))
        }

        func signalDescriptor(for signals: [Signal]) -> SystemResult {
            raised(base.signalDescriptor(for: signals))
        }
        func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult {
            raised(base.socket(kind, for: address))
        }
        func eventDescriptor() -> SystemResult {
            raisesWakeUp ? raised(base.eventDescriptor()) : base.eventDescriptor()
        }
    }

    private final class DatagramRecorder: DatagramHandler {
        private(set) var isClosed = false
        private(set) var error: SocketError?
        func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {}
        func closed(_ socket: DatagramSocket, error: SocketError?) { (isClosed, self.error) = (true, error) }
    }
}
