// Why a request was refused: a code for programs and a text for people. A header carries both.

public import ServedFiles

/// A refusal, sent to the peer or received from it.
public struct TransferError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of refusal, for programs.
    public struct Code: RawRepresentable, Sendable, Hashable {
        /// The code as it appears in the header.
        public let rawValue: String

        /// Creates a code, of this protocol or of a later version.
        public init(rawValue: String) { self.rawValue = rawValue }

        private init(_ rawValue: String) { self.rawValue = rawValue }

        /// The input is not a valid frame; the connection closes after the reply.
        public static let malformed = Code("malformed")
        /// The command is unknown, or a required field is missing or invalid.
        public static let badRequest = Code("bad-request")
        /// The file does not exist, or is outside of the directory.
        public static let notFound = Code("not-found")
        /// The server lacks the permission to access the file.
        public static let notPermitted = Code("not-permitted")
        /// The name is that of something other than a regular file, such as a directory.
        public static let noFile = Code("no-file")
        /// The name is not valid for a file.
        public static let invalidName = Code("invalid-name")
        /// The name is already in use.
        public static let exists = Code("exists")
        /// The disk is full.
        public static let noSpace = Code("no-space")
        /// The server does not accept uploads.
        public static let readOnly = Code("read-only")
        /// The hash of the received file differs from the sender's.
        public static let mismatch = Code("mismatch")
        /// The partial files of the two sides differ; start over.
        public static let changed = Code("changed")
        /// A limit is reached; try again later.
        public static let busy = Code("busy")
        /// The announced content arrives too slowly; the connection closes after the reply.
        public static let tooSlow = Code("too-slow")
        /// Any other failure.
        public static let failed = Code("failed")
        /// The connection ended early; never sent in a header.
        public static let interrupted = Code("interrupted")
    }

    /// The code.
    public let code: Code
    /// The reason in words.
    public let description: String

    /// Creates a refusal.
    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// Translates a file access error into this protocol's codes.
    public init(_ error: FileAccessError) {
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
