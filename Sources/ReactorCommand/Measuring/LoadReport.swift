// The result of a load as JSON. The keys are part of the command's interface: keys may be added, but none changes its
// meaning.

import FoundationEssentials
import LoadGenerator

/// The result of a load for programs: one JSON object with sorted keys.
///
/// Keys of times and rates include the unit. `latency`, `uncorrectedLatency` and `setUpLatency` are objects with
/// `count`, `p50Nanoseconds`, `p90Nanoseconds`, `p99Nanoseconds`, `p999Nanoseconds` and `maxNanoseconds`; each is
/// omitted if nothing was measured. `errors` has, for every kind of error, the number of connections that failed with
/// it.
struct LoadReport: Encodable {
    struct Latency: Encodable {
        let count, p50Nanoseconds, p90Nanoseconds, p99Nanoseconds, p999Nanoseconds, maxNanoseconds: Int

        init(_ latency: LatencySummary) {
            count = latency.count
            p50Nanoseconds = latency.p50
            p90Nanoseconds = latency.p90
            p99Nanoseconds = latency.p99
            p999Nanoseconds = latency.p999
            maxNanoseconds = latency.max
        }
    }

    // The configuration.
    let address: String
    let mode: String
    let backend: String
    let connections: Int
    let size: Int
    let depth: Int
    /// Intended messages per second; omitted for a closed loop.
    let rate: Double?

    // The result.
    let messages: Int
    let bytes: Int
    let unanswered: Int
    let elapsedSeconds: Double
    let messagesPerSecond: Double
    let latency: Latency?
    let uncorrectedLatency: Latency?
    let setUpLatency: Latency?
    let setUpSeconds: Double
    let connectionsMade: Int
    let connectionsLeft: Int
    let cpuSeconds: Double
    let cpuMicrosecondsPerMessage: Double?
    let errors: [String: Int]
    let wasStopped: Bool

    init(_ result: LoadResult) {
        let load = result.configuration
        address = "\(load.address)"
        mode = "\(load.mode)"
        backend = "\(load.backend)"
        connections = load.connections
        size = load.size
        depth = load.depth
        rate = load.rate
        messages = result.messages
        bytes = result.bytes
        unanswered = result.unanswered
        elapsedSeconds = result.elapsed / .seconds(1)
        messagesPerSecond = result.messagesPerSecond
        latency = result.latency.map(Latency.init)
        uncorrectedLatency = result.uncorrected.map(Latency.init)
        setUpLatency = result.setUp.map(Latency.init)
        setUpSeconds = result.setUpTime / .seconds(1)
        connectionsMade = result.connectionsMade
        connectionsLeft = result.connectionsLeft
        cpuSeconds = result.cpuTime / .seconds(1)
        cpuMicrosecondsPerMessage = result.cpuMicrosecondsPerMessage
        errors = [String: Int](uniqueKeysWithValues: LoadErrors.Kind.all.map { ($0.name, result.errors[$0]) })
        wasStopped = result.wasStopped
    }
}
