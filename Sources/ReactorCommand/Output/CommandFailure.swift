// Failures of a command at run time.

/// A failure of a command, described in one line: what happened, why, and what to do. The exit status is 1.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
