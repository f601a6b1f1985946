// The queue between a loop and its log: a reader that is slow, has stopped, has gone, or comes back.

import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(20))) struct LogQueueTests {
    /// Waits for what another thread does; bounded, so that nothing hangs.
    private static func wait(
        sourceLocation: SourceLocation = #_sourceLocation, until condition: () throws -> Bool
    ) throws {
        let end = ContinuousClock.now + .seconds(60)
        while try !condition() {
            try #require(ContinuousClock.now < end, "not so in time", sourceLocation: sourceLocation)
            sched_yield()
        }
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func writesLinesInTheirOrder() throws {
        let pipe = Pair.pipe()
        let queue = LogQueue(to: pipe.second)
        for number in 0..<100 { queue.write("line \(number)") }
        var bytes: [UInt8] = []
        try Self.wait {
            bytes += pipe.first.takeAll()
            return Self.lines(bytes).count == 100
        }
        #expect(Self.lines(bytes) == (0..<100).map { "line \($0)" })
        #expect(queue.flush() && queue.losses == .init())
    }

    /// What does not fit is dropped, at once; the count stands where lines are missing, and what comes later is written.
    @Test(arguments: [true, false]) func aFullPipeDropsAndCounts(_ isNonBlocking: Bool) throws {
        let pipe = Pair.pipe()
        pipe.second.fill()
        if !isNonBlocking { _ = fcntl(pipe.second.rawValue, F_SETFL, 0) }
        let queue = LogQueue(to: pipe.second, capacity: 1000)
        // Each takes ten bytes with its end; what is being written counts as well.
        for number in 0..<150 { queue.write("line \(1000 + number)") }
        #expect(queue.losses == .init(dropped: 50))
        #expect(!queue.flush(within: .milliseconds(1)))
        var bytes = pipe.first.takeAll()
        try Self.wait {
            bytes += pipe.first.takeAll()
            return Self.lines(bytes).contains("50 lines dropped: the log's reader is too slow")
        }
        #expect(queue.flush(within: .seconds(60)))
        queue.write("and on")
        #expect(queue.flush(within: .seconds(60)))
        bytes += pipe.first.takeAll()
        let text = bytes.drop { $0 == 7 }
        let expected =
            (0..<100).map { "line \(1000 + $0)" } + ["50 lines dropped: the log's reader is too slow", "and on"]
        #expect(Self.lines(Array(text)) == expected)
    }

    @Test func aLineThatNeverFitsIsCounted() throws {
        let pipe = Pair.pipe()
        let queue = LogQueue(to: pipe.second, capacity: 10)
        queue.write(String(repeating: "x", count: 10))
        #expect(queue.flush(within: .seconds(60)))
        #expect(Self.lines(pipe.first.takeAll()) == ["1 line dropped: the log's reader is too slow"])
        #expect(queue.losses == .init(dropped: 1))
    }

    /// Nothing ends, and nothing waits: SIGPIPE would end the process of the tests.
    @Test func aReaderThatHasGoneLosesLines() throws {
        let pipe = Pair.pipe()
        pipe.closeFirst()
        let queue = LogQueue(to: pipe.second)
        for number in 0..<10 {
            queue.write("line \(number)")
            #expect(queue.flush(within: .seconds(60)))
        }
        #expect(queue.losses == .init(failed: 10))
    }

    /// A new reader of a FIFO is told what the one before did not get.
    @Test func aReaderThatComesBackIsTold() throws {
        let folder = TemporaryFolder()
        defer { folder.remove("log") }
        let path = "\(folder.path)/log"
        try #require(unsafe mkfifo(path, 0o600) == 0)
        func reader() throws -> FileDescriptor {
            let number = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
            try #require(number >= 0)
            return FileDescriptor(rawValue: number)
        }
        let first = try reader()
        let end = FileDescriptor(rawValue: unsafe open(path, O_WRONLY | O_CLOEXEC))
        defer { try? end.close() }
        let queue = LogQueue(to: end)
        try first.close()
        queue.write("one")
        queue.write("two")
        #expect(queue.flush(within: .seconds(60)))
        let second = try reader()
        defer { try? second.close() }
        queue.write("three")
        #expect(queue.flush(within: .seconds(60)))
        #expect(Self.lines(second.takeAll()) == ["2 lines lost: Broken pipe (EPIPE)", "three"])
        #expect(queue.losses == .init(failed: 2))
    }

    @Test func aFullDiskLosesLines() throws {
        let full = FileDescriptor(rawValue: unsafe open("/dev/full", O_WRONLY | O_CLOEXEC))
        try #require(full.rawValue >= 0)
        defer { try? full.close() }
        let queue = LogQueue(to: full)
        queue.write("line")
        #expect(queue.flush(within: .seconds(60)))
        #expect(queue.losses == .init(failed: 1))
        do throws(Errno) {
            try LinuxKernel.shared.writeAll([1, 2, 3].span, to: full)
            Issue.record("a full disk takes nothing")
        } catch {
            #expect(error.namedDescription == "No space left on device (ENOSPC)")
        }
    }

    /// The end of a queue whose reader has stopped waits for nothing but what it was given time for.
    @Test func aStoppedReaderDoesNotKeepTheQueue() throws {
        let pipe = Pair.pipe()
        pipe.second.fill()
        do {
            let queue = LogQueue(to: pipe.second)
            queue.write("never read")
            #expect(!queue.flush(within: .zero))
        }
        // The thread goes on with what was queued, until it is read.
        var bytes: [UInt8] = []
        try Self.wait {
            bytes += pipe.first.takeAll()
            return Self.lines(bytes).last?.hasSuffix("never read") == true
        }
    }

    /// The calling thread's signals are as before, and none is left pending.
    @Test func aWriteWithoutReaderRaisesNothing() throws {
        let pipe = Pair.pipe()
        pipe.closeFirst()
        let kernel = LinuxKernel.shared
        // Safe: bytes have no padding.
        #expect(unsafe kernel.writeWithoutSignal(pipe.second, [UInt8(1)].span.bytes).errno == .brokenPipe)
        #expect(kernel.setBlocked(.brokenPipe, true).rawValue == 0)
        #expect(unsafe kernel.writeWithoutSignal(pipe.second, [UInt8(1)].span.bytes).errno == .brokenPipe)
        #expect(kernel.takePending(.brokenPipe).wouldBlock)
        #expect(kernel.setBlocked(.brokenPipe, false).rawValue == 1)
    }
}
