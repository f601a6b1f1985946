// What this process has mapped, which is how it finds out where the bundle of the tests lies: the process itself is the
// toolchain's.

import FoundationEssentials

enum ProcessMaps {
    /// The lines of /proc/self/maps (proc(5)).
    static func lines() -> [Substring] {
        let text = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        return text.split(separator: "\n")
    }
}
