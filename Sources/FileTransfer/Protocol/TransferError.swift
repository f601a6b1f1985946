// Why a wish is refused: a code for programs and words for people. Both travel in a header.

public import ServedFiles

/// A refusal, as the peer is told it or was told it.
public struct TransferError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of refusal, as programs compare it.
    public struct Code: RawRepresentable, Sendable, Hashable {
        /// The word in the header.
        public let rawValue: String

        /// A code, of this protocol or a later one.
        public init(rawValue: String) { self.rawValue = rawValue }

        private init(_ rawValue: String) { self.rawValue = rawValue }

        /// What was sent is no frame: the connection closes after the answer.
        public static let malformed = Code("malformed")
        /// There is no such command, or something that it needs is missing.
        public static let badRequest = Code("bad-request")
        /// There is no such file, or not for strangers.
        public static let notFound = Code("not-found")
        /// The system does not let the server.
        public static let notPermitted = Code("not-permitted")
        /// It is a directory, a device, a pipe.
        public static let noFile = Code("no-file")
        /// No file can be called so.
        public static let invalidName = Code("invalid-name")
        /// There is one already.
        public static let exists = Code("exists")
        /// The disk is full.
        public static let noSpace = Code("no-space")
        /// The server takes no files.
        public static let readOnly = Code("read-only")
        /// What arrived is not what was sent.
        public static let mismatch = Code("mismatch")
        /// The beginning that one side has is not that of the other's file: begin anew.
        public static let changed = Code("changed")
        /// Too much is asked at once.
        public static let busy = Code("busy")
        /// What was announced comes in too slowly: the connection closes after the answer.
        public static let tooSlow = Code("too-slow")
        /// Anything else.
        public static let failed = Code("failed")
        /// The connection ended too early; never in a header.
        public static let interrupted = Code("interrupted")
    }

    /// What kind.
    public let code: Code
    /// In words.
    public let description: String

    /// A refusal.
    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// What became of a file, in this protocol's codes.
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
