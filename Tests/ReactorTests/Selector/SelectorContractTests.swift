// The contract of Selector/Selector.swift, on every selector. What differs between them is asked of their capabilities.

import Glibc
import ReactorTesting
import SystemPackage
import Testing

@testable import Reactor

/// A selector with its descriptors, and what it was told.
private final class Bench {
    let selector: any Selector
    let kernel = FaultyKernel()
    private var told: [CInt: Interest] = [:]

    init(_ backend: Backend) throws { selector = try backend.makeSelector(kernel) }

    deinit { selector.close() }

    var isEdge: Bool { selector.capabilities.isEdgeTriggered }
    var reportsHangUp: Bool { selector.capabilities.reportsHangUp }

    @discardableResult
    func change(_ descriptor: FileDescriptor, to interest: Interest?, generation: UInt32 = 1) -> SystemResult {
        let result = selector.change(
            descriptor, token: Token(index: Int(descriptor.rawValue), generation: generation),
            from: told[descriptor.rawValue], to: interest)
        if result.succeeded { told[descriptor.rawValue] = interest }
        return result
    }

    /// What a wait finds; it does not block unless told to.
    func wait(_ timeout: WaitTimeout = .none) -> [ReadyEvent] {
        let events = ReadyList()
        let result = selector.wait(into: events, timeout: timeout)
        #expect(result.rawValue == events.count || !result.succeeded)
        return (0..<events.count).map { events[$0] }
    }

    /// What a wait finds out about one descriptor.
    func readiness(of descriptor: FileDescriptor, _ timeout: WaitTimeout = .none) -> Readiness {
        wait(timeout).reduce(into: []) {
            if $1.token.index == Int(descriptor.rawValue) { $0.formUnion($1.readiness) }
        }
    }
}

private let second = WaitTimeout(nanoseconds: 1_000_000_000)

@Suite(.timeLimit(.minutes(20))) struct SelectorContractTests {
    @Test(arguments: Backend.all) func readableWhenBytesAreThere(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let pair = Pair.sockets()
        bench.change(pair.first, to: .readable)
        #expect(bench.readiness(of: pair.first).isDisjoint(with: .readable))
        pair.second.put("x")
        #expect(bench.readiness(of: pair.first, second).contains(.readable))
    }

    @Test(arguments: Backend.all) func anEventCarriesTheTokenOfItsRegistration(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let pair = Pair.sockets()
        let token = Token(index: Int(pair.first.rawValue), generation: 0xfeed_beef)
        bench.change(pair.first, to: .readable, generation: 0xfeed_beef)
        pair.second.put("x")
        #expect(bench.wait(second).map(\.token) == [token])
        #expect(token.generation == 0xfeed_beef && token.index == Int(pair.first.rawValue))
    }

    @Test(arguments: Backend.all) func writableUntilTheBufferIsFull(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let pair = Pair.sockets()
        bench.change(pair.first, to: .writable)
        #expect(bench.readiness(of: pair.first).contains(.writable))
        pair.first.fill()
        _ = bench.wait()  // an edge that came before it was full
        #expect(bench.readiness(of: pair.first).isDisjoint(with: .writable))
        pair.second.takeAll()
        #expect(bench.readiness(of: pair.first, second).contains(.writable))
    }

    @Test(arguments: Backend.all) func theEndOfAStreamIsReadable(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let pair = Pair.sockets()
        bench.change(pair.first, to: .readable)
        shutdown(pair.second.rawValue, CInt(SHUT_WR))
        let found = bench.readiness(of: pair.first, second)
        #expect(found.contains(.readable))
        #expect(found.contains(.peerClosed) == bench.reportsHangUp)
    }

    @Test(arguments: Backend.all) func aHangUpIsToldAsTheCapabilitySays(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let pair = Pair.pipe()
        bench.change(pair.first, to: .readable)
        pair.closeSecond()
        let found = bench.readiness(of: pair.first, second)
        #expect(bench.reportsHangUp ? found.contains(.hangUp) : found == .readable)
    }

    @Test(arguments: Backend.all) func aHangUpComesUnaskedWithAnEmptyInterest(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let pair = Pair.pipe()
        bench.change(pair.first, to: [])
        #expect(bench.wait().isEmpty)
        pair.closeSecond()
        #expect(bench.readiness(of: pair.first).contains(.hangUp) == bench.reportsHangUp)
    }

    @Test(arguments: Backend.all) func anErrorIsToldOrLooksWritable(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let pair = Pair.pipe()
        pair.second.fill()
        bench.change(pair.second, to: .writable)
        _ = bench.wait()
        pair.closeFirst()
        let found = bench.readiness(of: pair.second, second)
        #expect(bench.reportsHangUp ? found.contains(.error) : found == .writable)
    }

    @Test(arguments: Backend.all) func urgentDataIsToldToThoseWhoAsk(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let (client, server) = try tcpPair()
        defer { close(server.rawValue) }
        bench.change(server, to: [.readable, .priority])
        _ = bench.wait()
        client.sendUrgent("!")
        #expect(bench.readiness(of: server, second).contains(.priority))
    }

    @Test(arguments: Backend.all) func urgentDataIsNotToldToOthers(_ backend: Backend) throws {
        let bench = try Bench(backend)
        guard !bench.isEdge else { return }  // may be told, and is filtered by the loop
        let (client, server) = try tcpPair()
        defer { close(server.rawValue) }
        bench.change(server, to: .writable)
        client.sendUrgent("!")
        bench.change(server, to: .readable)
        #expect(bench.readiness(of: server).isDisjoint(with: .priority))
    }

    @Test(arguments: Backend.all) func levelRepeatsAndEdgeDoesNot(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let pair = Pair.sockets()
        pair.second.put("x")
        bench.change(pair.first, to: .readable)
        #expect(bench.readiness(of: pair.first, second).contains(.readable), "ready before it was registered")
        #expect(bench.readiness(of: pair.first).contains(.readable) == !bench.isEdge)
        pair.second.put("y")
        #expect(bench.readiness(of: pair.first, second).contains(.readable), "a new edge, though nothing was read")
    }

    @Test(arguments: Backend.all) func interestChanges(_ backend: Backend) throws {
        let bench = try Bench(backend)
        guard !bench.isEdge else { return }  // everything is asked for once
        let pair = Pair.sockets()
        pair.second.put("x")
        bench.change(pair.first, to: .readable)
        #expect(bench.readiness(of: pair.first) == .readable)
        bench.change(pair.first, to: .writable)
        #expect(bench.readiness(of: pair.first) == .writable)
        bench.change(pair.first, to: [.readable, .writable])
        #expect(bench.readiness(of: pair.first) == [.readable, .writable])
        bench.change(pair.first, to: [])
        #expect(bench.wait().isEmpty)
        bench.change(pair.first, to: .readable)
        #expect(bench.readiness(of: pair.first) == .readable)
    }

    @Test(arguments: Backend.all) func nothingIsToldAfterDeregistration(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let (pair, other) = (Pair.sockets(), Pair.sockets())
        for descriptor in [pair.first, pair.second, other.first] { bench.change(descriptor, to: .readable) }
        for descriptor in [pair.first, pair.second, other.second] { descriptor.put("x") }
        // From the middle, so that selectors which keep arrays have to close a gap.
        #expect(bench.change(pair.second, to: nil).succeeded)
        #expect(Set(bench.wait(second).map(\.token.index)) == [Int(pair.first.rawValue), Int(other.first.rawValue)])
        bench.change(pair.first, to: nil)
        bench.change(other.first, to: nil)
        #expect(bench.wait().isEmpty)
        bench.change(pair.first, to: .readable, generation: 2)
        #expect(bench.wait(second).map(\.token.generation) == [2])
    }

    @Test(arguments: Backend.all) func hundredsAreFoundWithoutLoss(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let pairs = (0..<200).map { _ in Pair.sockets() }
        var waiting = Set(pairs.flatMap { [$0.first.rawValue, $0.second.rawValue] })
        for number in waiting { bench.change(FileDescriptor(rawValue: number), to: .writable) }
        for _ in 0..<4 where !waiting.isEmpty { for event in bench.wait() { waiting.remove(CInt(event.token.index)) } }
        #expect(waiting.isEmpty)
    }

    @Test(arguments: Backend.all) func aTimeoutIsNeverEarly(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let pair = Pair.sockets()
        bench.change(pair.first, to: .readable)
        _ = bench.wait()  // an edge that nobody asked for
        for nanoseconds: Int64 in [1, 300_000, 1_700_000, 5_000_001] {
            let start = bench.kernel.now()
            #expect(bench.wait(WaitTimeout(nanoseconds: nanoseconds)).isEmpty)
            #expect(bench.kernel.now().nanoseconds - start.nanoseconds >= nanoseconds)
        }
    }

    @Test(arguments: Backend.all) func anInterruptionIsNotHidden(_ backend: Backend) throws {
        let bench = try Bench(backend)
        bench.kernel.fail(.wait, with: .interrupted)
        let events = ReadyList()
        #expect(bench.selector.wait(into: events, timeout: .none).wasInterrupted)
        #expect(events.count == 0)
    }

    @Test(arguments: Backend.all) func aClosedDescriptorIsAnErrorOrInvalid(_ backend: Backend) throws {
        let bench = try Bench(backend)
        // A high number that parallel tests do not take, and that was open once: select looks no further than that.
        let pair = Pair.pipe()
        let nobody = FileDescriptor(rawValue: fcntl(pair.first.rawValue, F_DUPFD_CLOEXEC, 1000))
        close(nobody.rawValue)
        let result = bench.change(nobody, to: .readable)
        if bench.selector.capabilities.forgetsClosedDescriptors {
            #expect(result.errno == .badFileDescriptor)
        } else {
            #expect(bench.readiness(of: nobody).contains(.invalid))
            bench.change(nobody, to: nil)
            #expect(bench.wait().isEmpty)
        }
    }

    @Test(arguments: Backend.all) func aRegularFileIsAlwaysReadyOrNotPermitted(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let file = regularFile("text")
        defer { close(file.rawValue) }
        let result = bench.change(file, to: .readable)
        if bench.selector.capabilities.takesRegularFiles {
            #expect(bench.readiness(of: file).contains(.readable))
        } else {
            #expect(result.errno == .notPermitted)
        }
    }

    @Test(arguments: Backend.all) func theDescriptorLimitIsKept(_ backend: Backend) throws {
        let bench = try Bench(backend)
        let pair = Pair.sockets()
        let high = FileDescriptor(rawValue: fcntl(pair.first.rawValue, F_DUPFD_CLOEXEC, 1024))
        try #require(high.rawValue >= 1024, "this test needs more descriptors")
        defer { close(high.rawValue) }
        pair.second.put("x")
        let result = bench.change(high, to: .readable)
        if let limit = bench.selector.capabilities.descriptorLimit {
            #expect(limit == 1024)
            #expect(result.errno == .invalidArgument)
            #expect(bench.wait().isEmpty)
        } else {
            #expect(bench.readiness(of: high, second).contains(.readable))
            bench.change(high, to: nil)
            #expect(bench.wait().isEmpty)
        }
    }

    @Test(arguments: Backend.all) func aRefusedChangeLeavesTheRegistrationAsItWas(_ backend: Backend) throws {
        let bench = try Bench(backend)
        guard bench.selector.capabilities.isConstantTime, !bench.isEdge else { return }  // only epoll can refuse
        let pair = Pair.sockets()
        pair.second.put("x")
        bench.change(pair.first, to: .readable)
        bench.kernel.fail(.epollControl, with: .noMemory)
        #expect(bench.change(pair.first, to: .writable).errno == .noMemory)
        #expect(bench.readiness(of: pair.first) == .readable)
        bench.kernel.fail(.epollControl, with: .noSpace)
        #expect(bench.change(pair.second, to: .readable).errno == .noSpace)
    }

    @Test func capabilitiesAreThoseOfTheSystemCalls() throws {
        let claims = try Dictionary(
            uniqueKeysWithValues: Backend.all.map { ($0.description, try Bench($0).selector.capabilities) })
        #expect(claims["epoll-lt"]?.isEdgeTriggered == false && claims["epoll-lt"]?.isConstantTime == true)
        #expect(claims["epoll-et"]?.isEdgeTriggered == true && claims["epoll-et"]?.takesRegularFiles == false)
        #expect(claims["poll"]?.reportsHangUp == true && claims["poll"]?.isConstantTime == false)
        #expect(claims["select"]?.descriptorLimit == 1024 && claims["select"]?.reportsHangUp == false)
        #expect(claims["select-unlimited"]?.descriptorLimit == nil)
    }

    /// A connected TCP pair: urgent data needs one.
    private func tcpPair() throws -> (TestClient, FileDescriptor) {
        let kernel = LinuxKernel.shared
        let listener = kernel.socket(.stream, for: .unspecified).descriptor
        defer { _ = kernel.close(listener) }
        var address = SocketAddress.loopback(port: 0)
        try #require(kernel.bind(listener, to: address).succeeded && kernel.listen(listener, backlog: 1).succeeded)
        try #require(kernel.localAddress(of: listener, &address).succeeded)
        let client = try TestClient(address)
        return (client, kernel.accept(listener, peer: &address).descriptor)
    }
}
