// A file for the result of a command, opened before the work begins.

import Reactor
import SystemPackage

/// A file, or standard output for `-`.
struct FileOutput {
    let name: String
    private let file: FileDescriptor

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

    /// Writes a text, and closes the file.
    ///
    /// - Throws: ``CommandFailure`` when the file cannot be written. A failure of standard output is reported by
    ///   ``CommandEnd``.
    func write(_ text: String) throws { try write(Array(text.utf8)) }

    /// Writes bytes, and closes the file.
    func write(_ bytes: [UInt8]) throws {
        if name == "-" {
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
