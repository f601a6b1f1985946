// A cache in front of a resolver, bounded in entries and in time.
//
//     unknown --look-up--> known, or failed --time is over, or room is needed--> unknown
//
// getaddrinfo(3) does not report the time to live of an address, so addresses are kept for a fixed time; SRV records have
// one.

/// A resolver that remembers the results of another for a short time.
///
///     loop.resolver = CachingResolver()
///
/// Share one between loops: it is safe to use from any thread. Look-ups of the same name at the same time are not merged.
///
/// Addresses are kept for 30 s by default: getaddrinfo(3) does not report their time to live, and 30 s is the shortest one
/// in common use, so a host that moves is followed as quickly as its owner expects. Failures are kept for 5 s, so that a
/// service whose name cannot be resolved does not occupy a thread for each attempt. SRV records are kept for their own time
/// to live, but no longer than an hour.
public final class CachingResolver: NameResolver {
    private enum Key: Hashable {
        case host(String)
        case service(String)
    }

    private struct Entry {
        let expiry: MonotonicTime
        let result: Result<[SocketAddress], SocketError>
        let services: [ServiceRecord]
    }

    private static let longestServiceTime = Duration.seconds(3600)

    private let base: any NameResolver
    private let most: Int
    private let time: Duration
    private let failureTime: Duration
    private let now: @Sendable () -> MonotonicTime
    private let entries = Monitor<[Key: Entry]>([:])

    /// Creates a cache.
    ///
    /// - Parameters:
    ///   - base: the resolver to ask. Default: the system's.
    ///   - entries: the maximum number of names; beyond it, the one that expires first makes room. Default: 1024.
    ///   - time: how long addresses are kept. Default: 30 s.
    ///   - failureTime: how long a failed look-up is kept. Default: 5 s.
    public convenience init(
        _ base: any NameResolver = SystemResolver(), entries: Int = 1024, keeping time: Duration = .seconds(30),
        failuresFor failureTime: Duration = .seconds(5)
    ) {
        self.init(base, entries: entries, keeping: time, failuresFor: failureTime) { LinuxKernel.shared.now() }
    }

    package init(
        _ base: any NameResolver, entries: Int, keeping time: Duration, failuresFor failureTime: Duration,
        now: @escaping @Sendable () -> MonotonicTime
    ) {
        self.base = base
        self.time = time
        self.failureTime = failureTime
        self.now = now
        most = max(1, entries)
    }

    /// Returns the addresses of a host, from the cache if they are known.
    public func addresses(of host: String, port: UInt16) throws(SocketError) -> [SocketAddress] {
        let entry = entry(.host(host.lowercased())) {
            let result = Result { () throws(SocketError) in try base.addresses(of: host, port: 0) }
            return (result, [], time)
        }
        return try entry.result.get().map { address in
            var address = address
            address.port = port
            return address
        }
    }

    /// Returns the SRV records of a service, from the cache if they are known.
    public func services(of name: String) throws(SocketError) -> [ServiceRecord] {
        let entry = entry(.service(name.lowercased())) {
            let result = Result { () throws(SocketError) in try base.services(of: name) }
            let records = (try? result.get()) ?? []
            let time = records.map(\.timeToLive).min() ?? failureTime
            return (result.map { _ in [] }, records, min(time, Self.longestServiceTime))
        }
        _ = try entry.result.get()
        return entry.services
    }

    private func entry(
        _ key: Key, lookUp: () -> (Result<[SocketAddress], SocketError>, [ServiceRecord], Duration)
    ) -> Entry {
        let start = now()
        if let known = entries.withLock({ $0[key] }), known.expiry > start { return known }
        let (result, services, time) = lookUp()
        let isFailure = (try? result.get()) == nil
        let entry = Entry(
            expiry: now().advanced(by: isFailure ? failureTime : time), result: result, services: services)
        entries.withLock { entries in
            if entries[key] == nil && entries.count >= most { Self.makeRoom(in: &entries, at: start) }
            entries[key] = entry
        }
        return entry
    }

    private static func makeRoom(in entries: inout [Key: Entry], at time: MonotonicTime) {
        let count = entries.count
        entries = entries.filter { $0.value.expiry > time }
        if entries.count == count, let first = entries.min(by: { $0.value.expiry < $1.value.expiry }) {
            entries[first.key] = nil
        }
    }
}
