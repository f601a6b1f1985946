// Descriptors that travel over a Unix socket: sent, received, unasked, and too many.

import Glibc
import Reactor
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct PassingTests {
    @Test(arguments: Backend.all) func aDescriptorArrivesBeforeItsBytes(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let pair = Pair.sockets()
            let (sender, receiver) = (Recorder(), Recorder())
            var texts: [String] = []
            receiver.onConnected = { connection in
                connection.receiveDescriptors { descriptor in
                    texts.append(String(decoding: descriptor.fd.takeAll(), as: UTF8.self) + "/" + receiver.text)
                    #expect(fcntl(descriptor.fd.rawValue, F_GETFD) & FD_CLOEXEC != 0)
                    descriptor.close()
                }
            }
            let near = try loop.adopt(pair.releaseFirst()) { _ in sender }
            try loop.adopt(pair.releaseSecond()) { _ in receiver }
            try loop.run { sender.connection != nil && receiver.connection != nil }
            near.write("before ")
            try loop.run { near.queuedBytes == 0 }
            let files = ["one", "two"].map { regularFile($0) }
            try near.write(Array("with ".utf8), passing: files)
            try near.write(Array("again".utf8), passing: [files[0]])
            for file in files { Glibc.close(file.rawValue) }
            near.write(".")
            try loop.run { receiver.text == "before with again." }
            // The two share the file's offset: the second time it has been read already.
            #expect(texts.map { $0.split(separator: "/")[0] }.prefix(2) == ["one", "two"] && texts.count == 3)
            #expect(texts[0].hasSuffix("/before "))
            // A rate limit diverts reading in another way.
            receiver.connection?.readRate = RateLimit(bytesPerSecond: 1 << 20)
            let late = regularFile("three")
            try near.write([UInt8(ascii: "!")], passing: [late])
            Glibc.close(late.rawValue)
            try loop.run { receiver.text.hasSuffix(".!") }
            #expect(texts.last?.hasPrefix("three/") == true)
        }
    }

    /// More than asked for: what came is closed, and the peer is disconnected.
    @Test(arguments: Backend.all) func tooManyDescriptorsEndTheConnection(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let pair = Pair.sockets()
            let (sender, receiver) = (Recorder(), Recorder())
            var taken = 0
            receiver.onConnected = { connection in
                connection.receiveDescriptors(upTo: 2) { descriptor in
                    taken += 1
                    descriptor.close()
                }
            }
            let near = try loop.adopt(pair.releaseFirst()) { _ in sender }
            try loop.adopt(pair.releaseSecond()) { _ in receiver }
            try loop.run { receiver.connection != nil }
            let pipe = Pair.pipe()
            try near.write([1], passing: [pipe.second, pipe.second, pipe.second])
            try loop.run { receiver.isClosed }
            #expect(taken == 0 && receiver.bytes.isEmpty)
            #expect(receiver.reason?.description.contains("more than 2 descriptors") == true)
            // None of the duplicates is left: the pipe ends with its last writer.
            pipe.closeSecond()
            var byte: UInt8 = 0
            #expect(unsafe Glibc.read(pipe.first.rawValue, &byte, 1) == 0)
        }
    }

    /// Descriptors that were not asked for are dropped by the kernel.
    @Test(arguments: Backend.all) func unaskedDescriptorsAreNotKept(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let pair = Pair.sockets()
            let (sender, receiver) = (Recorder(), Recorder())
            let near = try loop.adopt(pair.releaseFirst()) { _ in sender }
            try loop.adopt(pair.releaseSecond()) { _ in receiver }
            try loop.run { receiver.connection != nil }
            let pipe = Pair.pipe()
            try near.write(Array("x".utf8), passing: [pipe.second])
            try loop.run { receiver.text == "x" }
            pipe.closeSecond()
            var byte: UInt8 = 0
            #expect(unsafe Glibc.read(pipe.first.rawValue, &byte, 1) == 0)
        }
    }

    @Test func whatCannotBePassedIsRefused() throws {
        try withLoop(.epoll()) { loop in
            let pair = Pair.sockets()
            let near = try loop.adopt(pair.releaseFirst()) { _ in Recorder() }
            near.write("queued")
            let error = #expect(throws: SocketError.self) { try near.write([1], passing: [pair.second]) }
            #expect(error?.errno == .resourceTemporarilyUnavailable)
            try loop.run { near.queuedBytes == 0 }
            #expect(throws: SocketError.self) {
                try near.write([1], passing: [FileDescriptor](repeating: pair.second, count: 254))
            }
            #expect(throws: SocketError.self) { try near.write([1], passing: [FileDescriptor(rawValue: 60_000)]) }
            #expect(near.isOpen)
            near.abort()
            #expect(throws: SocketError.self) { try near.write([1], passing: [pair.second]) }
        }
    }
}
