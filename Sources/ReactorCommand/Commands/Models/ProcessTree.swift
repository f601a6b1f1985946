// The resources of a server that may consist of several processes: its own and those of its children, living and ended
// (proc(5)).

import FoundationEssentials
import Glibc

/// The resources of a process and its descendants at a moment.
struct ProcessTreeUsage: Encodable, Sendable, Equatable {
    let processes: Int
    let threads: Int
    /// Memory in KiB, with shared pages divided among the processes that share them (`Pss` in smaps_rollup). Kernel
    /// memory for sockets, processes and threads is not included.
    let memoryKiB: Int
}

/// A process and its descendants.
struct ProcessTree: Sendable {
    let root: ProcessStatus

    /// Returns the resources in use now.
    func usage() -> ProcessTreeUsage {
        let all = processes()
        let memory = all.map { Self.memory(of: $0) }.reduce(0, +)
        return ProcessTreeUsage(
            processes: all.count, threads: all.map { Self.threads(of: $0).count }.reduce(0, +), memoryKiB: memory)
    }

    /// Returns the user and system time in nanoseconds of all living processes and of reaped children; `nil` if the
    /// root has ended.
    ///
    /// Exact to 40 ms, because the time of reaped children is counted in clock ticks. Call ``settle(to:)`` first, so
    /// that children which are about to end are counted once.
    func cpuTime() -> Int64? {
        guard root.isRunning else { return nil }
        return processes().map { Self.cpuTime(of: $0) }.reduce(0, +)
    }

    /// Waits until at most `count` processes are left, for a second at most.
    func settle(to count: Int) async throws {
        let end = ContinuousClock.now + .seconds(1)
        while processes().count > count, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// The number of processes.
    var count: Int { processes().count }

    /// Returns the numbers of all processes, the root's first, including zombies.
    func processes() -> [Int32] {
        var found = [root.number]
        var index = 0
        while index < found.count {
            for thread in Self.threads(of: found[index]) {
                let children = ProcessFile.text("/proc/\(found[index])/task/\(thread)/children") ?? ""
                found += children.split(separator: " ").compactMap { Int32($0) }
            }
            index += 1
        }
        return found
    }

    private static func threads(of process: Int32) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
    }

    private static func memory(of process: Int32) -> Int {
        for line in (ProcessFile.text("/proc/\(process)/smaps_rollup") ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == "Pss:", words.count > 1 { return Int(words[1]) ?? 0 }
        }
        return 0
    }

    private static func cpuTime(of process: Int32) -> Int64 {
        guard let text = ProcessFile.text("/proc/\(process)/stat"), let name = text.lastIndex(of: ")") else { return 0 }
        // utime, stime, and cutime and cstime of reaped children. The first field of this array is field 3 of proc(5).
        let fields = text[text.index(after: name)...].split(separator: " ")
        guard fields.count > 14 else { return 0 }
        let times = fields[11...14].compactMap { Int64($0) }
        let tick = 1_000_000_000 / max(1, Int64(sysconf(CInt(_SC_CLK_TCK))))
        guard times.count == 4 else { return 0 }
        // schedstat counts living threads in nanoseconds; stat counts living and ended threads in ticks.
        let living = threads(of: process).compactMap { thread in
            ProcessFile.text("/proc/\(process)/task/\(thread)/schedstat")?.split(separator: " ").first
                .flatMap { Int64($0) }
        }.reduce(0, +)
        return max(living, (times[0] + times[1]) * tick) + (times[2] + times[3]) * tick
    }
}
