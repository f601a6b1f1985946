// What ends a transfer before its time, as it is told to the other side, and what the other side's words look like here.

import Reactor
import ServedFiles

/// An error as TFTP sends it (RFC 1350, 5).
public struct TFTPError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of error, as a number.
    public struct Code: Sendable, Hashable {
        /// As it is sent.
        public let number: UInt16

        /// The error of this number.
        public init(_ number: UInt16) { self.number = number }

        /// Anything else; see the message.
        public static let undefined = Code(0)
        /// There is no such file.
        public static let fileNotFound = Code(1)
        /// It may not be read, or not written.
        public static let accessViolation = Code(2)
        /// The disk is full, or more than what is allowed.
        public static let diskFull = Code(3)
        /// This is no packet that makes sense here.
        public static let illegalOperation = Code(4)
        /// No transfer has this port (transfer identifier).
        public static let unknownTransfer = Code(5)
        /// There is a file of this name.
        public static let fileExists = Code(6)
        /// No such user.
        public static let noSuchUser = Code(7)
        /// The options cannot be agreed on (RFC 2347).
        public static let optionsRefused = Code(8)
    }

    /// What kind.
    public let code: Code
    /// In words; from a peer, whatever it sent.
    let message: [UInt8]

    /// The longest message that is kept.
    private static let longestMessage = 200

    init(_ code: Code, message: [UInt8]) {
        self.code = code
        self.message = Array(message.prefix(Self.longestMessage))
    }

    init(_ code: Code, _ message: String) { self.init(code, message: Array(message.utf8)) }

    static func illegal(_ message: String) -> TFTPError { TFTPError(.illegalOperation, message) }

    /// What a file that is not to be had means for a peer.
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

    /// The message, fit for a terminal; where there is none, what the number means.
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
