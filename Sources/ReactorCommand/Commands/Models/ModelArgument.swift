// Server models on the command line, by name.

import ArgumentParser
import ServerModels

/// The parser for server models on the command line.
enum ModelArgument {
    /// The names of all models, separated by commas, for help texts.
    static let names = ServerModel.all.map(\.description).joined(separator: ", ")

    /// Parses the name of a model.
    ///
    /// - Throws: `ValidationError` that lists the valid names.
    static func parse(_ text: String) throws -> ServerModel {
        guard let model = ServerModel(text) else { throw ValidationError("use one of \(names)") }
        return model
    }
}
