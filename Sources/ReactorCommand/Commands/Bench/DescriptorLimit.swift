// The soft limit of descriptors. It is low by default, and every process may raise it up to the hard limit.

import Glibc

/// The limit on descriptors of this process and the processes that it starts.
enum DescriptorLimit {
    /// Raises the soft limit as far as the hard limit allows (setrlimit(2), `RLIMIT_NOFILE`); never lowers it.
    static func raise(to wanted: Int) {
        var limit = rlimit()
        // Safe: the call fills the local `rlimit` and does not keep the pointer.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        guard limit.rlim_cur < rlim_t(wanted) else { return }
        limit.rlim_cur = min(rlim_t(wanted), limit.rlim_max)
        // Safe: the call reads the local `rlimit`. If it fails, the limit is unchanged and the table says what was not
        // measured.
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
