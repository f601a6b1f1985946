// Small parts: addresses, errors, the errno table, queues of bytes, rounding, names.

import SystemPackage
import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(20))) struct SocketAddressTests {
    @Test(arguments: [
        "127.0.0.1:7788", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80", "[::]:0", "[2001:db8::ff00:42:8329]:443",
        "[::ffff:127.0.0.1]:1", "[fe80::1%7]:9",
    ]) func textAndBack(_ text: String) throws {
        let address = try SocketAddress(text)
        #expect(address.description == text)
        #expect(try SocketAddress(address.description) == address)
        #expect(address.isIPv6 == text.hasPrefix("["))
    }

    @Test(arguments: [
        "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:+4", "127.0.0.1:-1", "127.0.0.1: 80", "127.0.0.1:80 ",
        "127.0.0.1:65536", "127.0.0.1:99999999999999999999", "127.0.0.1:8o", "127.0.0.1:٤", "127.0.0.1:0x50", ":80",
        "::1:80", "[::1", "[::1]", "[]:80", "[::1]80", "localhost:80", "1.2.3:80", "1.2.3.4.5:80", "256.1.1.1:80",
        "01.2.3.4:80", "[::1%]:80", "[fe80::1%+4]:80", "[fe80::1%nosuchinterface]:80", "[fe80::1%4294967296]:80",
        "127.0.0.1\0.example.org:80", "127.0.0.1:80:90", "[127.0.0.1:80",
    ]) func malformedTextIsRefusedInWords(_ text: String) {
        let error = #expect(throws: SocketError.self) { _ = try SocketAddress(text) }
        #expect(error?.operation == .parse && error?.errno == nil)
        #expect(error?.description.hasPrefix("cannot use the address \(text): ") == true)
    }

    @Test func portsAndKinds() throws {
        var address = try SocketAddress("[::1]:80")
        address.port = 443
        #expect(address.description == "[::1]:443" && address.port == 443)
        #expect(SocketAddress.loopback(port: 1).isLoopback)
        #expect(try SocketAddress("127.200.3.4:1").isLoopback && SocketAddress("[::1]:1").isLoopback)
        #expect(try SocketAddress("[::ffff:127.0.0.1]:1").isLoopback)
        #expect(try !SocketAddress("128.0.0.1:1").isLoopback && !SocketAddress("[::2]:1").isLoopback)
    }

    @Test func limitsCountAnIPv6NetworkAsOne() throws {
        let key: (String) throws -> UInt64? = { try SocketAddress($0).limitKey }
        #expect(try key("[2001:db8:1:2::1]:1") == key("[2001:db8:1:2:ffff::9]:2"))
        #expect(try key("[2001:db8:1:2::1]:1") != key("[2001:db8:1:3::1]:1"))
        #expect(try key("[::ffff:10.0.0.1]:1") == key("10.0.0.1:2"))
        #expect(try key("10.0.0.1:1") != key("10.0.0.2:1"))
    }

    @Test func namesAreResolvedAndNumbersAreNotLookedUp() throws {
        #expect(try SocketAddress.resolve("127.0.0.1:5") == [.loopback(port: 5)])
        #expect(try SocketAddress.resolve("localhost:5").allSatisfy { $0.isLoopback && $0.port == 5 })
        #expect(throws: SocketError.self) { _ = try SocketAddress.resolve("localhost:") }
    }
}

@Suite(.timeLimit(.minutes(20))) struct SmallPartsTests {
    @Test func errorsSayWhatWhyAndWhatToDo() {
        let inUse = SocketError(.listen, subject: "127.0.0.1:80", errno: .addressInUse)
        #expect(inUse.description.hasPrefix("cannot listen on 127.0.0.1:80: address already in use (EADDRINUSE); "))
        #expect(inUse.description.contains("0 for any free one") && !inUse.description.contains("\n"))
        let low = SocketError(.listen, subject: "[::]:80", errno: .permissionDenied)
        #expect(low.description.contains("ports below 1024"))
        let gone = SocketError(.connect, subject: "127.0.0.1:9", errno: .connectionRefused)
        #expect(
            gone.description
                == "cannot connect to 127.0.0.1:9: connection refused (ECONNREFUSED); no server is listening there")
        let own = SocketError(.watch, subject: "it", reason: "no")
        #expect(own.description == "cannot watch it: no" && own.errno == nil)
        #expect(CloseReason.Kind.idle.description == "idle for too long")
    }

    @Test func theErrnoTableSortsWhatTheManPagesName() {
        let table: [(FaultClass, [Errno])] = [
            (.retry, [.interrupted]),
            (.wouldBlock, [.resourceTemporarilyUnavailable, .wouldBlock, .nowInProgress, .alreadyInProcess]),
            (
                .peer,
                [
                    .connectionReset, .brokenPipe, .connectionAbort, .timedOut, .hostIsDown, .noRouteToHost,
                    .networkUnreachable, .networkDown, .protocolError, .notPermitted, Errno(rawValue: 64),
                ]
            ),
            (.resources, [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noBufferSpace, .noMemory, .noSpace]),
            (.refused, [.addressInUse, .addressNotAvailable, .permissionDenied]),
            (.bug, [.badFileDescriptor, .invalidArgument, .notSocket, .badAddress]),
        ]
        for (faultClass, numbers) in table {
            for number in numbers { #expect(number.faultClass == faultClass, "\(number)") }
        }
    }

    @Test func aByteQueueKeepsOrderThroughGrowthAndWrap() {
        let queue = ByteQueue()
        var (written, read, seed) = (0, 0, UInt64(7))
        func random(_ limit: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % limit
        }
        var isSame = true
        for step in 0..<4000 {
            let count = random(step % 500 == 0 ? 100_000 : 900)
            unsafe queue.append(pattern(count, from: written).span.bytes)
            written += count
            let limit = random(1000)
            let taken = queue.withFirst(limit) { bytes -> Int in
                let expected = pattern(bytes.byteCount, from: read)
                isSame =
                    isSame
                    && (0..<bytes.byteCount).allSatisfy {
                        unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) == expected[$0]
                    }
                return bytes.byteCount
            }
            isSame = isSame && taken == min(limit, written - read)
            queue.removeFirst(taken)
            read += taken
            isSame = isSame && queue.count == written - read
        }
        #expect(isSame)
        queue.removeAll()
        #expect(queue.isEmpty && queue.withFirst(9) { $0.byteCount } == 0)
    }

    @Test func durationsAreRoundedUpAndClamped() {
        #expect(Duration.nanoseconds(5).wholeNanoseconds == 5)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 1).wholeNanoseconds == 1)
        #expect(Duration(secondsComponent: 1, attosecondsComponent: 1_000_000_001).wholeNanoseconds == 1_000_000_002)
        #expect(Duration.seconds(-2).wholeNanoseconds == -2_000_000_000)
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
        #expect(Duration.seconds(Int64.min / 2).wholeNanoseconds == .min)
        #expect(WaitTimeout(nanoseconds: 1).milliseconds == 1)
        #expect(WaitTimeout(nanoseconds: 1_000_000).milliseconds == 1)
        #expect(WaitTimeout(nanoseconds: 1_000_001).milliseconds == 2)
        #expect(WaitTimeout.none.milliseconds == 0 && WaitTimeout.forever.milliseconds == -1)
        #expect(WaitTimeout(nanoseconds: .max).milliseconds == CInt.max)
        let time = MonotonicTime(nanoseconds: 10)
        #expect(time.advanced(by: .seconds(Int64.max)) == .never && time < .never)
        #expect(time.advanced(by: .nanoseconds(5)) == MonotonicTime(nanoseconds: 15))
        #expect(time.duration(to: MonotonicTime(nanoseconds: 7)) == .nanoseconds(-3))
    }

    @Test func backendsHaveNames() {
        #expect(Backend.all.map(\.description) == ["epoll-lt", "epoll-et", "poll", "select", "select-unlimited"])
        for backend in Backend.all { #expect(Backend(backend.description) == backend) }
        #expect(Backend("kqueue") == nil && Backend("") == nil && Backend("EPOLL") == nil)
        #expect(Backend.epoll() == .epoll(.levelTriggered))
    }

    @Test func readinessAndSignalsPrintTheirUsualNames() {
        #expect(Readiness([.readable, .hangUp, .peerClosed]).description == "IN|HUP|RDHUP")
        #expect(Signal.terminate.description == "SIGTERM" && Signal(rawValue: 40).description == "signal 40")
    }

    @Test func theDefaultLimitOfConnectionsFollowsTheDescriptors() {
        var limits = Limits()
        #expect(limits.effectiveConnections() <= 10_000 && limits.effectiveConnections() >= 1)
        limits.connections = 3
        #expect(limits.effectiveConnections() == 3)
    }
}
