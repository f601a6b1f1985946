// What the kernel tells about another process (proc(5)). Read from outside, so that what is measured does not measure
// itself.

import FoundationEssentials
import Glibc
import SystemPackage

/// Files below /proc.
enum ProcessFile {
    private static let capacity = 64 * 1024

    /// The first 64 KiB of a file; `nil` when it cannot be read. Such files have no size that one could ask for.
    static func text(_ path: String) -> String? {
        guard let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec) else { return nil }
        var bytes = [UInt8](repeating: 0, count: capacity)
        var count = 0
        let isRead: Void? = try? file.closeAfter {
            while count < capacity {
                let read = try unsafe bytes.withUnsafeMutableBytes { buffer in
                    try unsafe file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
                }
                if read == 0 { return }
                count += read
            }
        }
        return isRead.map { String(decoding: bytes[..<count], as: UTF8.self) }
    }
}

/// Another process, by its number.
struct ProcessStatus: Sendable {
    let number: Int32

    private var folder: String { "/proc/\(number)" }

    /// User and system time of all its threads, in nanoseconds; `nil` when the process is gone.
    ///
    /// From schedstat, which counts nanoseconds, where the kernel keeps it; otherwise from stat, which counts clock ticks.
    /// A process that runs at this moment may be told up to a tick late; one that waits is told exactly.
    func cpuTime() -> Int64? {
        guard let threads = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/task") else { return nil }
        var sum: Int64 = 0
        for thread in threads {
            let words = ProcessFile.text("\(folder)/task/\(thread)/schedstat")?.split(separator: " ")
            guard let time = words?.first.flatMap({ Int64($0) }) else { return cpuTimeInTicks() }
            sum += time
        }
        return sum > 0 ? sum : cpuTimeInTicks()
    }

    private func cpuTimeInTicks() -> Int64? {
        let ticksPerSecond = Int64(sysconf(CInt(_SC_CLK_TCK)))
        // The fields utime and stime, the 14th and 15th; the second may contain spaces and the third follows its ")".
        guard let fields = fieldsOfStat, fields.count > 12, ticksPerSecond > 0,
            let user = Int64(fields[11]), let system = Int64(fields[12])
        else { return nil }
        return (user + system) * (1_000_000_000 / ticksPerSecond)
    }

    /// Whether the process runs: it is neither gone nor waiting to be reaped.
    var isRunning: Bool {
        guard let state = fieldsOfStat?.first else { return false }
        return state != "Z" && state != "X"
    }

    private var fieldsOfStat: [Substring]? {
        guard let text = ProcessFile.text("\(folder)/stat"), let name = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: name)...].split(separator: " ")
    }

    /// How many descriptors it has open; `nil` when the process is gone.
    func descriptorCount() -> Int? { try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/fd").count }
}
