// Why a request was refused: a code for programs and a text for people. A header carries both.

package import ServedFiles

/// A refusal, sent to the peer or received from it.
package struct TransferError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of refusal, for programs.
    package struct Code: RawRepresentable, Sendable, Hashable {
        /// The code as it appears in the header.
        package let rawValue: String

        /// Creates a code, of this protocol or of a later version.
        package init(rawValue: String) { self.rawValue = rawValue }

        private init(_ rawValue: String) { self.rawValue = rawValue }

        /// The input is not a valid frame; the connection closes after the reply.
        package static let malformed = Code("malformed")
        /// The command is unknown, or a required field is missing or invalid.
        package static let badRequest = Code("bad-request")
        /// The file does not exist, or is outside of the directory.
        package static let notFound = Code("not-found")
        /// The server lacks the permission to access the file.
        package static let notPermitted = Code("not-permitted")
        /// The name is that of something other than a regular file, such as a directory.
        package static let noFile = Code("no-file")
        /// The name is not valid for a file.
        package static let invalidName = Code("invalid-name")
        /// The name is already in use.
        package static let exists = Code("exists")
        /// The disk is full.
        package static let noSpace = Code("no-space")
        /// The server does not accept uploads.
        package static let readOnly = Code("read-only")
        /// The hash of the received file differs from the sender's.
        package static let mismatch = Code("mismatch")
        /// The partial files of the two sides differ; start over.
        package static let changed = Code("changed")
        /// A limit is reached; try again later.
        package static let busy = Code("busy")
        /// The announced content arrives too slowly; the connection closes after the reply.
        package static let tooSlow = Code("too-slow")
        /// Any other failure.
        package static let failed = Code("failed")
        /// The connection ended early; never sent in a header.
        package static let interrupted = Code("interrupted")
    }

    /// The code.
    package let code: Code
    /// The reason in words.
    package let description: String

    /// Creates a refusal.
    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// Translates a file access error into this protocol's codes.
    package init(_ error: FileAccessError) {
        let code: Code =
            switch error.kind {
            case .notFound: .notFound
            case .notPermitted: .notPermitted
            case .noFile: .noFile
            case .invalidName, .reservedName: .invalidName
            case .exists: .exists
            case .noSpace: .noSpace
            case .busy: .busy
            default: .failed
            }
        self.init(code, "\(error)")
    }
}
