// Why a file is not to be had, as far as whoever asks for it over a network may know.

public import SystemPackage

/// A file that could not be opened.
public struct FileAccessError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Why not, in a few words: each protocol has answers of its own for them.
    public struct Kind: Sendable, Hashable {
        enum Value { case notFound, notPermitted, noFile, invalidName, reservedName, exists, noSpace, busy, failed }
        let value: Value

        /// There is no such file, or its path leads out of the directory: who asks is not told which.
        public static let notFound = Kind(value: .notFound)
        /// The server may not open it, or the directory may not be written to.
        public static let notPermitted = Kind(value: .notPermitted)
        /// What is there is no regular file: a directory, a device, a pipe, a socket.
        public static let noFile = Kind(value: .noFile)
        /// No file can have such a name.
        public static let invalidName = Kind(value: .invalidName)
        /// The server uses such names for files that are not complete.
        public static let reservedName = Kind(value: .reservedName)
        /// There is one already.
        public static let exists = Kind(value: .exists)
        /// The disk is full, or a quota is used up.
        public static let noSpace = Kind(value: .noSpace)
        /// Too many files are open, of the process or of the system; a later attempt may succeed.
        public static let busy = Kind(value: .busy)
        /// Anything else: a broken disk.
        public static let failed = Kind(value: .failed)
    }

    /// Why not.
    public let kind: Kind
    /// What the system said; for the operator, not for the peer.
    public let errno: Errno?

    /// An error of this kind.
    public init(_ kind: Kind, errno: Errno? = nil) {
        self.kind = kind
        self.errno = errno
    }

    /// What the system's answer means (openat2(2), rename(2), write(2)).
    public init(_ errno: Errno) {
        let kind: Kind =
            switch errno {
            // EXDEV is openat2's word for a path that leads out of the directory, ELOOP for links without end and for
            // those of /proc.
            case .noSuchFileOrDirectory, .notDirectory, .improperLink, .tooManySymbolicLinkLevels: .notFound
            case .permissionDenied, .notPermitted, .readOnlyFileSystem: .notPermitted
            case .isDirectory, .noSuchAddressOrDevice: .noFile
            case .fileNameTooLong, .invalidArgument: .invalidName
            case .fileExists, .directoryNotEmpty: .exists
            case .noSpace, .diskQuotaExceeded, .fileTooLarge: .noSpace
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem: .busy
            default: .failed
            }
        self.init(kind, errno: errno)
    }

    /// A few words for the peer.
    public var description: String {
        switch kind.value {
        case .notFound: "there is no such file"
        case .notPermitted: "permission denied"
        case .noFile: "it is no regular file"
        case .invalidName: "no file can have this name"
        case .reservedName: "this name is reserved for files that are not complete"
        case .exists: "there is one already"
        case .noSpace: "no space is left"
        case .busy: "too many files are open; try again later"
        case .failed: "it cannot be opened now"
        }
    }
}
