// SRV records and the cache of names: replies of honest and of lying name servers, the order of RFC 2782, times to live.

import Reactor
import ReactorTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(20))) struct ServiceNameTests {
    // MARK: Replies

    /// A reply with one question and these answers.
    private func reply(_ answers: [[UInt8]], count: Int? = nil) -> [UInt8] {
        let number = count ?? answers.count
        var bytes: [UInt8] = [0x12, 0x34, 0x81, 0x80, 0, 1, UInt8(number >> 8), UInt8(number & 0xff), 0, 0, 0, 0]
        bytes += name("_x", "_tcp", "example", "org") + [0, 33, 0, 1]
        return bytes + answers.flatMap { $0 }
    }

    private func name(_ labels: String...) -> [UInt8] {
        labels.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    /// An answer whose owner is a pointer to the question.
    private func answer(type: UInt8 = 33, seconds: [UInt8] = [0, 0, 0, 60], _ data: [UInt8], length: Int? = nil)
        -> [UInt8]
    {
        let length = length ?? data.count
        return [0xc0, 12, 0, type, 0, 1] + seconds + [UInt8(length >> 8), UInt8(length & 0xff)] + data
    }

    private func service(_ priority: UInt8, _ weight: UInt8, _ port: UInt16, _ target: [UInt8]) -> [UInt8] {
        [0, priority, 0, weight, UInt8(port >> 8), UInt8(port & 0xff)] + target
    }

    @Test func anHonestReply() throws {
        let alias = answer(type: 5, name("alias", "example", "org"))
        let records = try DNSReply.services(
            in: reply([
                alias, answer(service(1, 2, 5060, name("a", "example", "org"))),
                // The target's domain is a pointer to that of the question.
                answer(service(3, 4, 65_535, [1, UInt8(ascii: "b"), 0xc0, 20])),
            ]))
        #expect(
            records == [
                ServiceRecord(
                    priority: 1, weight: 2, port: 5060, target: "a.example.org", timeToLive: .seconds(60)),
                ServiceRecord(
                    priority: 3, weight: 4, port: 65_535, target: "b.example.org", timeToLive: .seconds(60)),
            ])
    }

    @Test func lies() {
        let good = answer(service(1, 2, 80, name("a")))
        let malformed: [[UInt8]] = [
            [], [0], Array(reply([good]).prefix(11)),
            reply([good], count: 2),  // fewer answers than it says
            reply([answer(service(1, 2, 80, name("a")), length: 4000)]),  // beyond the end
            reply([answer(service(1, 2, 80, name("a")), length: 7)]),  // a name beyond its record
            reply([answer([0, 1, 0])]),  // too short for its type
            reply([answer(service(1, 2, 80, [0xc0, 200]))]),  // a pointer forward
            reply([answer(service(1, 2, 80, [63, 1, 2]))]),  // a label beyond the end
            reply([answer(service(1, 2, 80, [0x80, 0]))]),  // a label of a reserved kind
            // A pointer to itself: 12 header, 25 question, 12 before the data, 6 before the name.
            reply([answer(service(1, 2, 80, [0xc0, 54]))]),
            // A name of more than 255 bytes.
            reply([answer(service(1, 2, 80, (0..<6).flatMap { _ in [60] + [UInt8](repeating: 97, count: 60) } + [0]))]),
        ]
        for bytes in malformed {
            #expect(throws: DNSReply.Malformed.self, "\(bytes)") { try DNSReply.services(in: bytes) }
        }
        // Any prefix, and any byte changed, is an error or a list, and never a trap.
        let whole = reply([good, answer(service(3, 4, 443, [1, 98, 0xc0, 20]))])
        for count in 0..<whole.count { _ = try? DNSReply.services(in: Array(whole.prefix(count))) }
        for index in whole.indices {
            for value in [0, 1, 0x3f, 0x40, 0xc0, 0xff] as [UInt8] {
                var changed = whole
                changed[index] = value
                _ = try? DNSReply.services(in: changed)
            }
        }
    }

    /// A target that no host has is dropped; a time above 2^31 s counts as 0.
    @Test func oddRecords() throws {
        let records = try DNSReply.services(
            in: reply([
                answer(service(1, 2, 80, [3, UInt8(ascii: "a"), 0, UInt8(ascii: "/"), 0])),
                answer(seconds: [0x80, 0, 0, 0], service(1, 2, 80, [0])),
            ]))
        #expect(records == [ServiceRecord(priority: 1, weight: 2, port: 80, target: "", timeToLive: .zero)])
    }

    // MARK: Order

    @Test func priorityAndWeightDecide() {
        let records = [
            ServiceRecord(priority: 2, weight: 9, port: 1, target: "last"),
            ServiceRecord(priority: 1, weight: 30, port: 1, target: "often"),
            ServiceRecord(priority: 1, weight: 10, port: 1, target: "seldom"),
            ServiceRecord(priority: 1, weight: 0, port: 1, target: "never, nearly"),
        ]
        var random = SeededGenerator(seed: 1)
        var first: [String: Int] = [:]
        for _ in 0..<4000 {
            let ordered = ServiceRecord.ordered(records, using: &random)
            #expect(ordered.count == 4 && ordered[3].target == "last")
            first[ordered[0].target, default: 0] += 1
        }
        let (often, seldom) = (first["often"] ?? 0, first["seldom"] ?? 0)
        #expect(2700...3200 ~= often && 800...1200 ~= seldom && first["never, nearly"] ?? 0 < 300)
    }

    // MARK: The cache

    /// A resolver that counts, and knows a host and a service until they move.
    private final class Names: NameResolver {
        struct State {
            var time = MonotonicTime(nanoseconds: 1)
            var hosts: [String: SocketAddress] = [:]
            var services: [ServiceRecord] = []
            var queries = 0
        }

        let state = Mutex(State())

        func addresses(of host: String, port: UInt16) throws(SocketError) -> [SocketAddress] {
            let found = state.withLock {
                $0.queries += 1
                return $0.hosts[host.lowercased()]
            }
            guard let found else { throw SocketError(.resolve, subject: host, reason: "unknown") }
            return [found]
        }

        func services(of name: String) throws(SocketError) -> [ServiceRecord] {
            state.withLock {
                $0.queries += 1
                return $0.services
            }
        }

        var queries: Int { state.withLock { $0.queries } }
        func pass(_ time: Duration) { state.withLock { $0.time = $0.time.advanced(by: time) } }
        func cache(entries: Int = 8) -> CachingResolver {
            CachingResolver(self, entries: entries, keeping: .seconds(30), failuresFor: .seconds(5)) {
                [self] in state.withLock { $0.time }
            }
        }
    }

    @Test func addressesAndFailuresAreKeptForAWhile() throws {
        let names = Names()
        let cache = names.cache()
        names.state.withLock { $0.hosts["a"] = .loopback(port: 0) }
        #expect(try cache.addresses(of: "a", port: 80) == [.loopback(port: 80)])
        #expect(try cache.addresses(of: "A", port: 443) == [.loopback(port: 443)])
        #expect(names.queries == 1)
        names.pass(.seconds(31))
        _ = try cache.addresses(of: "a", port: 80)
        #expect(names.queries == 2)
        for _ in 0..<3 { #expect(throws: SocketError.self) { try cache.addresses(of: "b", port: 1) } }
        #expect(names.queries == 3)
        names.state.withLock { $0.hosts["b"] = .loopback(port: 0) }
        names.pass(.seconds(6))
        #expect(try cache.addresses(of: "b", port: 1) == [.loopback(port: 1)])
    }

    @Test func theCacheIsBounded() throws {
        let names = Names()
        let cache = names.cache(entries: 4)
        for index in 0..<100 {
            names.state.withLock { $0.hosts["h\(index)"] = .loopback(port: 0) }
            _ = try cache.addresses(of: "h\(index)", port: 1)
            names.pass(.milliseconds(1))
        }
        _ = try cache.addresses(of: "h99", port: 1)
        #expect(names.queries == 100, "the newest are kept")
        _ = try cache.addresses(of: "h0", port: 1)
        #expect(names.queries == 101, "the oldest are not")
    }

    @Test func servicesAreKeptForTheirTimeToLive() throws {
        let names = Names()
        let cache = names.cache()
        names.state.withLock {
            $0.services = [
                ServiceRecord(port: 1, target: "a", timeToLive: .seconds(10)),
                ServiceRecord(port: 2, target: "b", timeToLive: .seconds(600)),
            ]
        }
        for _ in 0..<3 { #expect(try cache.services(of: "_x._tcp").count == 2) }
        #expect(names.queries == 1)
        names.pass(.seconds(11))
        _ = try cache.services(of: "_x._tcp")
        #expect(names.queries == 2)
    }

    // MARK: Connecting

    /// The servers of a service are tried in the order of their priorities.
    @Test(arguments: Backend.all) func aConnectionToAService(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        let names = Names()
        names.state.withLock {
            $0.services = [
                ServiceRecord(priority: 2, port: 5002, target: "b"),
                ServiceRecord(priority: 1, port: 5001, target: "a"),
                ServiceRecord(priority: 0, port: 5000, target: "gone"),
            ]
            $0.hosts = ["a": .loopback(port: 5001), "b": .loopback(port: 5002)]
        }
        world.loop.resolver = names
        let upstream = world.serve(on: .loopback(port: 5002)) { $0.write("hello") }
        let recorder = Recorder()
        try world.loop.connect(to: "srv:_x._tcp", handler: { _ in recorder }, failed: { _ in Issue.record("failed") })
        try world.run { recorder.text == "hello" }
        #expect(upstream.peers.count == 1)
        var failure: SocketError?
        names.state.withLock { $0.services = [ServiceRecord(port: 0, target: "")] }
        try world.loop.connect(to: "srv:_x._tcp", handler: { _ in Recorder() }, failed: { failure = $0 })
        try world.run { failure != nil }
        #expect(failure?.description.contains("not available at this domain") == true)
        try world.check()
    }
}
