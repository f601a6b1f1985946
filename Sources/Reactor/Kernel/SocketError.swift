// The error of a failed operation on a socket or a loop, in words that a user can act on.

public import SystemPackage

/// A failed operation: what was attempted, on what, and why it failed.
///
/// ``description`` is one line for the user: what failed, why, and where possible, what to do about it.
public struct SocketError: Error, Sendable, CustomStringConvertible {
    /// An operation that can fail.
    public struct Operation: Sendable, Hashable, CustomStringConvertible {
        /// The operation as words that complete the sentence "cannot … 127.0.0.1:80".
        public let description: String

        /// Creating an event loop and its descriptors.
        public static let start = Operation(description: "start an event loop with")
        /// Preparing the loops of a server.
        public static let prepare = Operation(description: "prepare")
        /// Parsing an address.
        public static let parse = Operation(description: "use the address")
        /// Resolving a host name.
        public static let resolve = Operation(description: "resolve")
        /// Creating a socket.
        public static let open = Operation(description: "open a socket for")
        /// Binding and listening.
        public static let listen = Operation(description: "listen on")
        /// Connecting.
        public static let connect = Operation(description: "connect to")
        /// Adopting a descriptor as a connection.
        public static let adopt = Operation(description: "adopt")
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
        /// Switching a running loop to another back end.
        public static let switchBackend = Operation(description: "switch to")
        /// Taking over an inherited socket.
        public static let inherit = Operation(description: "take over")
        /// Starting a successor process that takes over the listening sockets.
        public static let handOver = Operation(description: "hand over to")
        /// Starting a child process.
        public static let spawn = Operation(description: "start")
        /// Watching for signals.
        public static let signal = Operation(description: "watch for")
    }

    /// The operation that was attempted.
    public let operation: Operation
    /// The object of the operation: an address, a descriptor, a back end.
    public let subject: String
    /// The system's error number; `nil` if the framework itself refused the operation.
    public let errno: Errno?
    /// The reason of the failure, in words.
    public let reason: String
    /// The failed attempts, in order; empty if there was only one.
    public let attempts: [SocketError]

    /// Creates an error for an operation that failed with an error number.
    public init(_ operation: Operation, subject: String, errno: Errno) {
        self.operation = operation
        self.subject = subject
        self.errno = errno
        let words = errno.namedDescription
        let hint = Self.hint(operation, errno)
        reason = (words.first?.lowercased() ?? "") + words.dropFirst() + (hint.map { "; \($0)" } ?? "")
        attempts = []
    }

    /// Creates an error for an operation that the framework refused, or that failed without an error number.
    public init(_ operation: Operation, subject: String, reason: String) {
        self.operation = operation
        self.subject = subject
        self.reason = reason
        errno = nil
        attempts = []
    }

    /// Creates an error for an operation all of whose attempts failed.
    ///
    /// Its ``errno`` is that of the attempts if they all failed with the same one.
    package init(_ operation: Operation, subject: String, attempts: [SocketError]) {
        self.operation = operation
        self.subject = subject
        self.attempts = attempts
        errno = attempts.allSatisfy { $0.errno == attempts.first?.errno } ? attempts.first?.errno : nil
        reason =
            attempts.isEmpty
            ? "no address to try" : attempts.map { "\($0.subject): \($0.reason)" }.joined(separator: "; ")
    }

    /// One line: what failed, why, and what to do.
    public var description: String { "cannot \(operation) \(subject): \(reason)" }

    private static func hint(_ operation: Operation, _ errno: Errno) -> String? {
        switch (operation, errno) {
        case (.listen, .addressInUse):
            "another process is using it; stop that process, or choose another port (0 for any free one)"
        case (.listen, .permissionDenied): "ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a higher one"
        case (.listen, .addressNotAvailable): "this machine has no such address"
        case (.connect, .connectionRefused): "no server is listening there"
        case (.watch, .notPermitted): "epoll cannot watch what never blocks, such as a file or /dev/null"
        case (.watch, .badFileDescriptor): "other code in this process closed it while the loop was watching it"
        case (.send, .messageTooLong):
            "a datagram has at most 65507 bytes over IPv4 and 65527 over IPv6, or less if the path's MTU is smaller"
        case (_, .tooManyOpenFiles): "this process has used up its descriptors; raise 'ulimit -n' or open fewer"
        case (_, .tooManyOpenFilesInSystem): "the system has used up its descriptors; raise fs.file-max or open fewer"
        default: nil
        }
    }
}
