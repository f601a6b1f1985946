// A selector on the command line, by its name.

import ArgumentParser
import Reactor

/// Back ends as command-line arguments.
enum BackendArgument {
    /// All names, for help texts.
    static let names = Backend.all.map(\.description).joined(separator: ", ")

    /// Parses the name of a back end.
    ///
    /// - Throws: `ValidationError` that lists the names.
    static func parse(_ text: String) throws -> Backend {
        guard let backend = Backend(text) else { throw ValidationError("use one of \(names)") }
        return backend
    }
}
