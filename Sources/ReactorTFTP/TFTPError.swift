// The errors of the protocol: as they are sent to the peer, and as a peer's errors are shown.

import Reactor
import ServedFiles

/// An error packet of TFTP: a code and a message (RFC 1350, 5).
public struct TFTPError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The code of an error (RFC 1350, appendix; RFC 2347).
    public struct Code: Sendable, Hashable {
        /// The number on the wire.
        public let number: UInt16

        /// Creates a code from its number on the wire.
        public init(_ number: UInt16) { self.number = number }

        /// Not defined; the message says more (0).
        public static let undefined = Code(0)
        /// The file does not exist (1).
        public static let fileNotFound = Code(1)
        /// Reading or writing the file is not permitted (2).
        public static let accessViolation = Code(2)
        /// The disk is full, or the file exceeds a limit (3).
        public static let diskFull = Code(3)
        /// The packet is malformed or unexpected (4).
        public static let illegalOperation = Code(4)
        /// The port (transfer identifier) belongs to no transfer (5).
        public static let unknownTransfer = Code(5)
        /// A file of this name exists (6).
        public static let fileExists = Code(6)
        /// The user does not exist (7).
        public static let noSuchUser = Code(7)
        /// The option negotiation failed (8, RFC 2347).
        public static let optionsRefused = Code(8)
    }

    /// The code.
    public let code: Code
    /// The message; that of a peer is untrusted bytes.
    let message: [UInt8]

    /// The bytes of a message that are kept.
    private static let longestMessage = 200

    init(_ code: Code, message: [UInt8]) {
        self.code = code
        self.message = Array(message.prefix(Self.longestMessage))
    }

    init(_ code: Code, _ message: String) { self.init(code, message: Array(message.utf8)) }

    static func illegal(_ message: String) -> TFTPError { TFTPError(.illegalOperation, message) }

    /// Converts the error of a file that is not available.
    init(_ error: FileAccessError) {
        let code: Code =
            switch error.kind {
            case .notFound: .fileNotFound
            case .notPermitted, .noFile, .reservedName: .accessViolation
            case .noSpace: .diskFull
            case .exists: .fileExists
            default: .undefined
            }
        self.init(code, error.description)
    }

    /// The message, safe to print on a terminal; without a message, the meaning of the code.
    public var description: String {
        let text = PrintableText.sanitized(message)
        if !text.isEmpty { return text }
        let meanings = [
            "an error without a message", "file not found", "access violation", "disk full", "illegal operation",
            "unknown transfer", "file already exists", "no such user", "the options are refused",
        ]
        return code.number < meanings.count ? meanings[Int(code.number)] : "error \(code.number)"
    }
}
