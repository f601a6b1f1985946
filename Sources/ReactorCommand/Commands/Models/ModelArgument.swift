// A server model on the command line, by its name.

import ArgumentParser
import ServerModels

/// Server models as command-line arguments.
enum ModelArgument {
    /// All names, for help texts.
    static let names = ServerModel.all.map(\.description).joined(separator: ", ")

    /// Parses the name of a model.
    ///
    /// - Throws: `ValidationError` that lists the names.
    static func parse(_ text: String) throws -> ServerModel {
        guard let model = ServerModel(text) else { throw ValidationError("use one of \(names)") }
        return model
    }
}
