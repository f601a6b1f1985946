// What a server takes that may be several processes: its own and that of all its children, living and gone (proc(5)).

import FoundationEssentials
import Glibc

/// What a process and its descendants have at a moment.
struct ProcessTreeUsage: Encodable, Sendable, Equatable {
    let processes: Int
    let threads: Int
    /// Memory in KiB, pages that several share divided among them (`Pss` of smaps_rollup). What the kernel keeps for
    /// sockets, processes and threads is not in it.
    let memoryKiB: Int
}

/// A process and its descendants.
struct ProcessTree: Sendable {
    let root: ProcessStatus

    /// What there is now.
    func usage() -> ProcessTreeUsage {
        let all = processes()
        let memory = all.map { Self.memory(of: $0) }.reduce(0, +)
        return ProcessTreeUsage(
            processes: all.count, threads: all.map { Self.threads(of: $0).count }.reduce(0, +), memoryKiB: memory)
    }

    /// CPU time, user and system, in nanoseconds: of what lives, and of the children that have ended and were waited for.
    ///
    /// Exact to 40 ms, because the time of those that have ended is told in clock ticks: to be read when they have ended,
    /// so that all of it is in one sum (``settle()``).
    func cpuTime() -> Int64? {
        guard root.isRunning else { return nil }
        return processes().map { Self.cpuTime(of: $0) }.reduce(0, +)
    }

    /// Waits until children that are going to end have ended, a second at most.
    func settle(to count: Int) async throws {
        let end = ContinuousClock.now + .seconds(1)
        while processes().count > count, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// How many processes there are.
    var count: Int { processes().count }

    /// The numbers of all processes, the root's first; those that nobody has waited for yet are among them.
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
        // utime and stime, and cutime and cstime of children that were waited for; the first field here is the third.
        let fields = text[text.index(after: name)...].split(separator: " ")
        guard fields.count > 14 else { return 0 }
        let times = fields[11...14].compactMap { Int64($0) }
        let tick = 1_000_000_000 / max(1, Int64(sysconf(CInt(_SC_CLK_TCK))))
        guard times.count == 4 else { return 0 }
        // In nanoseconds for the threads that live; in ticks for those that have ended as well.
        let living = threads(of: process).compactMap { thread in
            ProcessFile.text("/proc/\(process)/task/\(thread)/schedstat")?.split(separator: " ").first
                .flatMap { Int64($0) }
        }.reduce(0, +)
        return max(living, (times[0] + times[1]) * tick) + (times[2] + times[3]) * tick
    }
}
