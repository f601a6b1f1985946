// Selectors on the command line, by name.

import ArgumentParser
import Reactor

/// The parser for back ends on the command line.
enum BackendArgument {
    /// The names of all back ends, separated by commas, for help texts.
    static let names = Backend.all.map(\.description).joined(separator: ", ")

    /// Parses the name of a back end.
    ///
    /// - Throws: `ValidationError` that lists the valid names.
    static func parse(_ text: String) throws -> Backend {
        guard let backend = Backend(text) else { throw ValidationError("use one of \(names)") }
        return backend
    }
}
