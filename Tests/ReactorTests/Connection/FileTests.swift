// Files on real sockets: large ones in bounded memory, parts beyond what one call takes, and the signal that must not come.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct FileTests {
    /// Takes everything, and sends nothing: for files larger than a test can wait for.
    private final class GreedyKernel: ForwardingKernel {
        let base: any SystemCalls = LinuxKernel.shared
        var calls: [(offset: Int64, count: Int)] = []

        func sendFile(
            to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int
        ) -> SystemResult {
            calls.append((offset, count))
            return SystemResult(count)
        }
    }

    /// A file of which nothing is on the disk but its length and its last bytes.
    private func sparseFile(_ length: Int) -> FileDescriptor {
        let file = regularFile("")
        precondition(ftruncate(file.rawValue, length) == 0)
        return file
    }

    @Test(arguments: Backend.all) func aLargeFileArrivesWholeInBoundedMemory(_ backend: Backend) throws {
        let size = 24 << 20
        let file = sparseFile(size)
        let mark = pattern(100_000)
        let place = size / 2 + 12_345
        unsafe mark.withUnsafeBytes { bytes in _ = unsafe pwrite(file.rawValue, bytes.baseAddress, bytes.count, place) }
        try withLoop(backend) { loop in
            var outcome: SentFile?
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onConnected = { connection in
                    connection.write("head")
                    connection.sendFile(OwnedDescriptor(file), count: size) { outcome = $0 }
                    #expect(connection.queuedBytes == 0)
                    connection.write("tail")
                    connection.close()
                }
            }
            client.keepsBytes = false
            var count = 0
            var isRight = true
            let zeros = [UInt8](repeating: 0, count: 1 << 20)
            var last: [UInt8] = []
            var marks: [UInt8] = []
            var mostQueued = 0
            let start = 4 + place
            try loop.run(within: .seconds(60)) {
                while case .bytes(let bytes) = client.receive() {
                    let (low, high) = (max(count, start), min(count + bytes.count, start + mark.count))
                    if low < high { marks += bytes[low - count..<high - count] }
                    if count > 4 && count + bytes.count < start {
                        isRight = isRight && bytes[...] == zeros[..<bytes.count]
                    }
                    count += bytes.count
                    last = (last + bytes).suffix(4)
                }
                mostQueued = max(mostQueued, recorder.connection?.queuedBytes ?? 0)
                return client.ending != nil && recorder.isClosed
            }
            #expect(count == size + 8)
            let isMarked = marks == mark
            #expect(isRight && isMarked)
            #expect(String(decoding: last, as: UTF8.self) == "tail")
            #expect(outcome?.count == size && outcome?.isComplete == true)
            #expect(mostQueued < 1024, "a file is not memory")
        }
    }

    @Test func partsBeyondWhatOneCallTakes() throws {
        let kernel = GreedyKernel()
        try withLoop(.epoll(.edgeTriggered), kernel: kernel) { loop in
            var limits = Limits()
            limits.bytesSentPerTurn = .max
            let promised = 5 << 30
            let start: Int64 = 1 << 40
            var outcome: SentFile?
            let (client, _) = try loop.accepted(limits: limits) { recorder in
                recorder.onConnected = { connection in
                    connection.sendFile(OwnedDescriptor(regularFile("x")), from: start, count: promised) {
                        outcome = $0
                    }
                }
            }
            try loop.run { outcome != nil }
            #expect(outcome?.count == promised)
            let most = 0x7fff_f000
            let counts: [Int] = [most, most, promised - 2 * most]
            let offsets: [Int64] = [start, start + Int64(most), start + 2 * Int64(most)]
            #expect(kernel.calls.map(\.count) == counts)
            #expect(kernel.calls.map(\.offset) == offsets)
            client.close()
        }
    }

    /// Would end the test process if the signal came, during the send or when it is unblocked at the end.
    @Test(arguments: Backend.all) func aResetWhileAFileIsSentRaisesNoSignal(_ backend: Backend) throws {
        for _ in 0..<5 {
            try withLoop(backend) { loop in
                var outcome: SentFile?
                let file = sparseFile(64 << 20)
                let (client, recorder) = try loop.accepted { recorder in
                    recorder.onEnded = { _ in }
                    recorder.onConnected = { connection in
                        connection.sendFile(OwnedDescriptor(file), count: 64 << 20) { outcome = $0 }
                    }
                }
                try loop.run(for: .milliseconds(5))
                client.close()
                try loop.run { recorder.isClosed }
                #expect(outcome?.isComplete == false)
                #expect(recorder.reason?.kind == .failed)
            }
            #expect(LinuxKernel.shared.takePending(.brokenPipe).errno == .resourceTemporarilyUnavailable)
            #expect(LinuxKernel.shared.setBlocked(.brokenPipe, false).rawValue == 0, "the thread is as it was")
        }
    }

    @Test(arguments: Backend.all) func aFileThatIsShorterThanPromisedResetsTheConnection(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var outcome: SentFile?
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onConnected = { connection in
                    connection.sendFile(OwnedDescriptor(regularFile("short")), count: 100) { outcome = $0 }
                    connection.close()
                }
            }
            try loop.run { recorder.isClosed && client.drain() }
            #expect(recorder.reason?.kind == .failed)
            #expect(outcome?.count == 5 && outcome?.isComplete == false)
            #expect(client.ending == .failed(ECONNRESET))
        }
    }

    @Test func whatCannotBeSentFromFailsTheConnection() throws {
        try withLoop(.epoll()) { loop in
            let pipe = Pair.pipe()
            let duplicate = FileDescriptor(rawValue: dup(pipe.first.rawValue))
            let (_, recorder) = try loop.accepted { recorder in
                recorder.onConnected = { $0.sendFile(OwnedDescriptor(duplicate), count: 10) }
            }
            try loop.run { recorder.isClosed }
            #expect(recorder.reason?.kind == .failed)
        }
    }
}
