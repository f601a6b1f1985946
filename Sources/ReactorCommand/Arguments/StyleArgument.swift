// The two styles of serving a connection, by name.

import ArgumentParser

/// How a demo serves its connections.
enum StyleArgument: String, ExpressibleByArgument, CaseIterable {
    /// By a handler object that the loop calls.
    case handler
    /// By a task that awaits input.
    case async
}
