// Where `--json` writes to: a file, opened before the work begins, or standard output.

import FoundationEssentials
import Reactor
import SystemPackage

/// A file, or standard output, that will be given one JSON document.
struct JSONOutput {
    private let file: FileDescriptor
    private let name: String

    /// Opens the file, which is emptied, or takes standard output for `-`.
    ///
    /// - Throws: ``CommandFailure`` that says why it cannot be written.
    init(_ name: String) throws {
        self.name = name
        do {
            file =
                name == "-"
                ? .standardOutput
                : try .open(
                    FilePath(name), .writeOnly, options: [.create, .truncate, .closeOnExec],
                    permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw CommandFailure("cannot write \(name): \(error); name another file, or '-' for standard output")
        }
    }

    /// Writes the document, indented and with sorted keys, and closes the file.
    func write(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let bytes: [UInt8]
        do { bytes = Array(try encoder.encode(value)) + "\n".utf8 } catch {
            throw CommandFailure("cannot write \(name): \(error)")
        }
        if name == "-" {
            // What fails is reported at the end of the command, as for all of its output.
            StandardOutput.write(bytes.span)
            return
        }
        do throws(Errno) {
            try LinuxKernel.shared.writeAll(bytes.span, to: file)
        } catch {
            throw CommandFailure("cannot write \(name): \(error.outputWords)")
        }
        do { try file.close() } catch { throw CommandFailure("cannot write \(name): \(error)") }
    }
}
