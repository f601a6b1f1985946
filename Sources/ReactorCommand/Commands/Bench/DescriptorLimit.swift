// The soft limit of descriptors, which every login starts low and every process may raise up to the hard one.

import Glibc

/// The number of descriptors that this process, and those that it starts, may open.
enum DescriptorLimit {
    /// Raises the soft limit, as far as the hard one allows (setrlimit(2), `RLIMIT_NOFILE`). Lowers nothing.
    static func raise(to wanted: Int) {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        guard limit.rlim_cur < rlim_t(wanted) else { return }
        limit.rlim_cur = min(rlim_t(wanted), limit.rlim_max)
        // If that fails, the limit is what it was, and the plan says what cannot be measured.
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
