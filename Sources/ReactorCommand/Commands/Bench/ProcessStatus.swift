// The state of another process from proc(5). It is read from outside, so that the measured process does not measure
// itself.

import FoundationEssentials
import Glibc
import SystemPackage

/// The reading of files below /proc.
enum ProcessFile {
    private static let capacity = 64 * 1024

    /// Returns the first 64 KiB of a file; `nil` if it cannot be read. Files in /proc report no size.
    static func text(_ path: String) -> String? {
        guard let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec) else { return nil }
        var bytes = [UInt8](repeating: 0, count: capacity)
        var count = 0
        let isRead: Void? = try? file.closeAfter {
            while count < capacity {
                // Safe: the read writes at most into the rest of the array, and the pointer is not kept.
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

/// The state of another process, by its number.
struct ProcessStatus: Sendable {
    let number: Int32

    private var folder: String { "/proc/\(number)" }

    /// Returns the user and system time of all threads in nanoseconds; `nil` if the process is gone.
    ///
    /// It is read from schedstat, which counts nanoseconds, if the kernel provides it, or else from stat, which counts
    /// clock ticks. The value of a running process may lag by up to a tick; that of a waiting process is exact.
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
        // utime and stime are fields 14 and 15. Field 2 may contain spaces and ends with the last ")"; field 3 follows
        // it.
        guard let fields = fieldsOfStat, fields.count > 12, ticksPerSecond > 0,
            let user = Int64(fields[11]), let system = Int64(fields[12])
        else { return nil }
        return (user + system) * (1_000_000_000 / ticksPerSecond)
    }

    /// Whether the process is alive: neither gone nor a zombie.
    var isRunning: Bool {
        guard let state = fieldsOfStat?.first else { return false }
        return state != "Z" && state != "X"
    }

    private var fieldsOfStat: [Substring]? {
        guard let text = ProcessFile.text("\(folder)/stat"), let name = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: name)...].split(separator: " ")
    }

    /// Returns the number of open descriptors; `nil` if the process is gone.
    func descriptorCount() -> Int? { try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/fd").count }
}
