// The process-wide table of the threads that watch each signal: a signal that arrives elsewhere is forwarded to one.

import CReactor

/// Forwards signals to the threads that watch them.
enum SignalForwarding {
    /// The threads that watch each signal number. The last one receives the signals that arrive on other threads.
    private static let watchers = Monitor<[CInt: [CInt]]>([:])

    /// Starts forwarding a signal to the calling thread.
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

    /// Stops forwarding a signal to the calling thread.
    static func end(_ signal: Signal) -> SystemResult {
        let (number, thread) = (signal.rawValue, creactor_thread_number())
        return watchers.withLock { watchers in
            // A loop created on one thread and shut down on another ends its watches on the latter.
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
