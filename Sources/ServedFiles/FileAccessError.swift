// Why a file cannot be accessed, in as much detail as a remote peer may learn.

import Reactor
public import SystemPackage

/// An error of opening, creating or writing a file.
public struct FileAccessError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure, from which each protocol chooses its own error code.
    public struct Kind: Sendable, Hashable {
        enum Value { case notFound, notPermitted, noFile, invalidName, reservedName, exists, noSpace, busy, failed }
        let value: Value

        /// The file does not exist, or its path leads out of the directory; the peer does not learn which.
        public static let notFound = Kind(value: .notFound)
        /// The server lacks the permission to open the file, or to write to the directory.
        public static let notPermitted = Kind(value: .notPermitted)
        /// The path names something other than a regular file: a directory, a device, a pipe, a socket.
        public static let noFile = Kind(value: .noFile)
        /// The name is not valid for a file.
        public static let invalidName = Kind(value: .invalidName)
        /// The name is reserved for the server's incomplete files.
        public static let reservedName = Kind(value: .reservedName)
        /// The name is already in use.
        public static let exists = Kind(value: .exists)
        /// The disk is full, or a quota is exhausted.
        public static let noSpace = Kind(value: .noSpace)
        /// The limit of open files, of the process or of the system, is reached; a later attempt may succeed.
        public static let busy = Kind(value: .busy)
        /// Any other failure, such as an I/O error.
        public static let failed = Kind(value: .failed)
    }

    /// The kind of failure.
    public let kind: Kind
    /// The system's error number; for the operator, not for the peer.
    public let errno: Errno?

    /// Creates an error of a kind.
    public init(_ kind: Kind, errno: Errno? = nil) {
        self.kind = kind
        self.errno = errno
    }

    /// Creates the error that corresponds to an error number (openat2(2), rename(2), write(2)).
    public init(_ errno: Errno) {
        let kind: Kind =
            switch errno {
            // openat2(2) reports EXDEV for a path that leads out of the directory, and ELOOP for symbolic link loops
            // and the magic links of /proc.
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

    /// The system's error with its name, if there is one: `No space left on device (ENOSPC)`. For the operator: a peer
    /// gets ``description``, which does not reveal it.
    package var namedDescription: String { errno?.namedDescription ?? description }

    /// The failure in a few words, for the peer.
    public var description: String {
        switch kind.value {
        case .notFound: "no such file"
        case .notPermitted: "permission denied"
        case .noFile: "not a regular file"
        case .invalidName: "invalid file name"
        case .reservedName: "this name is reserved for incomplete files"
        case .exists: "file already exists"
        case .noSpace: "no space is left"
        case .busy: "too many files are open; try again later"
        case .failed: "the file cannot be accessed"
        }
    }
}
