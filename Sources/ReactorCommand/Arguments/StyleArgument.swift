// The two ways to write a server, by name.

import ArgumentParser

/// How the connections of a demo are served.
enum StyleArgument: String, ExpressibleByArgument, CaseIterable {
    /// A handler, which is called.
    case handler
    /// A task, which waits.
    case async
}
