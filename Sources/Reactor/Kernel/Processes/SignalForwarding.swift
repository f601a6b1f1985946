// Which threads watch which signals, in all loops of the process, so that a signal finds one of them wherever it arrives.

import CReactor

/// The signals that are sent on to the threads that watch them.
enum SignalForwarding {
    /// The threads that watch a signal, by its number; the last one gets what arrives elsewhere.
    private static let watchers = Monitor<[CInt: [CInt]]>([:])

    /// Has a signal sent on to this thread.
    static func begin(_ signal: Signal) -> SystemResult {
        let (number, thread) = (signal.rawValue, creactor_thread_number())
        return watchers.withLock { watchers in
            if watchers[number] != nil {
                creactor_change_forwarding(number, thread)
            } else {
                let result = SystemResult(rawValue: creactor_begin_forwarding(number, thread))
                if !result.succeeded { return result }
            }
            watchers[number, default: []].append(thread)
            return SystemResult(0)
        }
    }

    /// This thread watches a signal no longer.
    static func end(_ signal: Signal) -> SystemResult {
        let (number, thread) = (signal.rawValue, creactor_thread_number())
        return watchers.withLock { watchers in
            // A loop that was made on one thread and ended on another ends its watches there.
            guard let index = watchers[number]?.lastIndex(of: thread) ?? watchers[number]?.indices.last else {
                return SystemResult(.invalidArgument)
            }
            watchers[number]?.remove(at: index)
            if let next = watchers[number]?.last {
                creactor_change_forwarding(number, next)
            } else {
                watchers[number] = nil
                creactor_end_forwarding(number)
            }
            return SystemResult(0)
        }
    }
}
