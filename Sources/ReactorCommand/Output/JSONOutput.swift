// The destination of `--json`: a file that is opened before the work begins, or standard output.

import FoundationEssentials

/// A file, or standard output, for one JSON document.
struct JSONOutput {
    private let output: FileOutput

    /// Opens and truncates the file, or uses standard output for `-`.
    ///
    /// - Throws: ``CommandFailure`` when the file cannot be opened for writing.
    init(_ name: String) throws { output = try FileOutput(name) }

    /// Writes the document, indented and with sorted keys, and closes the file.
    ///
    /// - Throws: ``CommandFailure`` when the file cannot be written. A failure of standard output is reported by
    ///   ``CommandEnd``.
    func write(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let bytes: [UInt8]
        do { bytes = Array(try encoder.encode(value)) + "\n".utf8 } catch {
            throw CommandFailure("cannot write \(output.name): \(error)")
        }
        try output.write(bytes)
    }
}
