// The facts about a machine without which its figures mean nothing.

import FoundationEssentials
import Reactor
import SystemPackage

/// The machine of a benchmark, and the processors that the benchmark uses.
struct BenchMachine: Codable, Sendable {
    /// The processors that this process may use.
    let processors: [Int]
    let processorName: String?
    /// The kernel's release.
    let kernel: String
    /// The number of descriptors that each process may open.
    let descriptors: Int
    /// The load average of the minute before the benchmark.
    let loadAverage: Double
    /// The processors to which server and load are pinned; `nil` if there is only one, which they share.
    let serverProcessor: Int?
    let loadProcessor: Int?

    init(processors: [Int], processorName: String?, kernel: String, descriptors: Int, loadAverage: Double) {
        self.processors = processors
        self.processorName = processorName
        self.kernel = kernel
        self.descriptors = descriptors
        self.loadAverage = loadAverage
        let canPin = processors.count > 1
        serverProcessor = canPin ? processors[0] : nil
        loadProcessor = canPin ? processors[1] : nil
    }

    /// Returns the facts about this machine, from proc(5).
    static func current() -> BenchMachine {
        let status = ProcessFile.text("/proc/self/status") ?? ""
        let allowed = field("Cpus_allowed_list", in: status).flatMap(parseList) ?? []
        let name = ProcessFile.text("/proc/cpuinfo").flatMap { field("model name", in: $0) }
        let kernel = ProcessFile.text("/proc/sys/kernel/osrelease").map { "\($0.prefix { !$0.isNewline })" }
        let load = ProcessFile.text("/proc/loadavg").flatMap { $0.split(separator: " ").first.flatMap { Double($0) } }
        return BenchMachine(
            processors: allowed.isEmpty ? [0] : allowed, processorName: name, kernel: kernel ?? "of unknown release",
            descriptors: LinuxKernel.shared.descriptorLimit().rawValue, loadAverage: load ?? 0)
    }

    /// Returns the value of the first line `NAME : VALUE`.
    private static func field(_ name: String, in text: String) -> String? {
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, trimmed(parts[0]) == name else { continue }
            return trimmed(parts[1])
        }
        return nil
    }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.drop { $0.isWhitespace }
        return String(start.reversed().drop { $0.isWhitespace }.reversed())
    }

    /// Parses a list of processors in the kernel's format, as `0-3,8`; returns `nil` if it is malformed.
    static func parseList(_ text: String) -> [Int]? {
        var numbers: [Int] = []
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, ends.count <= 2, first <= last, last < 1 << 16 else {
                return nil
            }
            numbers += Array(first...last)
        }
        return numbers.isEmpty ? nil : numbers
    }
}
