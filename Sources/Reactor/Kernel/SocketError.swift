// What went wrong with a socket or a loop, in words that a user can act on.

public import SystemPackage

/// An operation that failed: which, on what, and why.
///
/// `description` is one line for a user: what could not be done, why, and where there is one, what to do about it.
public struct SocketError: Error, Sendable, CustomStringConvertible {
    /// What was attempted.
    public struct Operation: Sendable, Hashable, CustomStringConvertible {
        /// The operation in words, as in "cannot … 127.0.0.1:80".
        public let description: String

        /// Making an event loop and its descriptors.
        public static let start = Operation(description: "start an event loop with")
        /// Preparing the loops of a server.
        public static let prepare = Operation(description: "prepare")
        /// Reading an address from text.
        public static let parse = Operation(description: "use the address")
        /// Looking up a name.
        public static let resolve = Operation(description: "resolve")
        /// Making a socket.
        public static let open = Operation(description: "open a socket for")
        /// Binding and listening.
        public static let listen = Operation(description: "listen on")
        /// Connecting.
        public static let connect = Operation(description: "connect to")
        /// Accepting a connection.
        public static let accept = Operation(description: "accept on")
        /// Registering with the selector, or waiting on it.
        public static let watch = Operation(description: "watch")
        /// Receiving.
        public static let receive = Operation(description: "receive from")
        /// Sending.
        public static let send = Operation(description: "send to")
        /// Setting a socket option.
        public static let configure = Operation(description: "configure the socket of")
        /// Changing the selector of a running loop.
        public static let switchBackend = Operation(description: "switch to")
        /// Taking over a socket that the process was started with.
        public static let inherit = Operation(description: "take over")
        /// Starting a process that takes over.
        public static let handOver = Operation(description: "hand over to")
        /// Watching for signals.
        public static let signal = Operation(description: "watch for")
    }

    /// What was attempted.
    public let operation: Operation
    /// What it was attempted on: an address, a descriptor, a back end.
    public let subject: String
    /// The system's error number, or `nil` when the framework itself refused.
    public let errno: Errno?
    /// Why it failed, in words.
    public let reason: String
    /// What was tried in turn, and why each of it failed; empty where there was one attempt only.
    public let attempts: [SocketError]

    /// An operation that the system refused.
    public init(_ operation: Operation, subject: String, errno: Errno) {
        self.operation = operation
        self.subject = subject
        self.errno = errno
        let words = errno.description
        let hint = Self.hint(operation, errno)
        reason = (words.first?.lowercased() ?? "") + words.dropFirst() + (hint.map { "; \($0)" } ?? "")
        attempts = []
    }

    /// An operation that the framework refused, or that failed without an error number.
    public init(_ operation: Operation, subject: String, reason: String) {
        self.operation = operation
        self.subject = subject
        self.reason = reason
        errno = nil
        attempts = []
    }

    /// An operation that was attempted in several ways, none of which succeeded. It has the error number that all of them
    /// have in common, if they do.
    public init(_ operation: Operation, subject: String, attempts: [SocketError]) {
        self.operation = operation
        self.subject = subject
        self.attempts = attempts
        errno = attempts.allSatisfy { $0.errno == attempts.first?.errno } ? attempts.first?.errno : nil
        reason =
            attempts.isEmpty
            ? "there is nothing to try" : attempts.map { "\($0.subject): \($0.reason)" }.joined(separator: "; ")
    }

    /// One line: what, why, and what to do.
    public var description: String { "cannot \(operation) \(subject): \(reason)" }

    private static func hint(_ operation: Operation, _ errno: Errno) -> String? {
        switch (operation, errno) {
        case (.listen, .addressInUse):
            "another server has it: end that one, or choose another port (0 for any free one)"
        case (.listen, .permissionDenied): "ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one"
        case (.listen, .addressNotAvailable): "this machine has no such address"
        case (.connect, .connectionRefused): "nobody listens there"
        case (.watch, .badFileDescriptor): "it was closed by other code of this process while the loop watched it"
        case (.send, .messageTooLong):
            "a datagram has at most 65507 bytes over IPv4 and 65527 over IPv6, and less where its path allows less"
        case (_, .tooManyOpenFiles): "this process has used up its descriptors: raise 'ulimit -n' or open fewer"
        case (_, .tooManyOpenFilesInSystem): "the whole machine has used up its descriptors"
        default: nil
        }
    }
}
