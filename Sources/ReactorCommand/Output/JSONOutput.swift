// The destination of `--json`: a file that is opened before the work begins, or standard output.

import FoundationEssentials
import Reactor
import SystemPackage

/// A file, or standard output, for one JSON document.
struct JSONOutput {
    private let file: FileDescriptor
    private let name: String

    /// Opens and truncates the file, or uses standard output for `-`.
    ///
    /// - Throws: ``CommandFailure`` when the file cannot be opened for writing.
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
    ///
    /// - Throws: ``CommandFailure`` when the file cannot be written. A failure of standard output is reported by
    ///   ``CommandEnd``.
    func write(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let bytes: [UInt8]
        do { bytes = Array(try encoder.encode(value)) + "\n".utf8 } catch {
            throw CommandFailure("cannot write \(name): \(error)")
        }
        if name == "-" {
            // A failure here is reported at the end of the command, as for all standard output.
            StandardOutput.write(bytes.span)
            return
        }
        do throws(Errno) {
            try LinuxKernel.shared.writeAll(bytes.span, to: file)
        } catch {
            throw CommandFailure("cannot write \(name): \(error.namedDescription)")
        }
        do { try file.close() } catch { throw CommandFailure("cannot write \(name): \(error)") }
    }
}
