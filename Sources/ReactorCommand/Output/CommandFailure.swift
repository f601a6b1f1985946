// How a command fails at run time.

/// A failure of a command, in one line: what, why and what to do. The exit status is 1.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
