// The errors of a load, counted by kind. The unit is a connection, or an attempt to establish one; messages lost with a
// connection are counted in LoadResult.unanswered.

internal import Reactor
internal import SystemPackage

/// The errors of a load, counted by kind.
public struct LoadErrors: Sendable, Hashable, CustomStringConvertible {
    /// A kind of error. New kinds may be added.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        fileprivate let index: Int
        /// The kind's name, such as `connectRefused`.
        public let name: String
        /// A short description of the kind.
        public let description: String

        private init(_ index: Int, _ name: String, _ description: String) {
            (self.index, self.name, self.description) = (index, name, description)
        }

        /// The server refused the connection: no socket was listening.
        public static let connectRefused = Kind(0, "connectRefused", "refused")
        /// The connection was not established within ``LoadConfiguration/connectTimeout``.
        public static let connectTimeout = Kind(1, "connectTimeout", "not connected in time")
        /// The connection was not established for another reason: no ports, no descriptors, no route.
        public static let connectFailed = Kind(2, "connectFailed", "not connected")
        /// The server reset the connection.
        public static let reset = Kind(3, "reset", "reset by the server")
        /// The server closed the connection.
        public static let closedEarly = Kind(4, "closedEarly", "closed by the server")
        /// The echo differed from what was sent.
        public static let mismatch = Kind(5, "mismatch", "echo differs from what was sent")
        /// Echoes were still due when the wait for them ended.
        public static let timeout = Kind(6, "timeout", "echo not in time")
        /// The connection failed for another reason.
        public static let failed = Kind(7, "failed", "failed")

        /// All kinds.
        public static let all: [Kind] = [
            .connectRefused, .connectTimeout, .connectFailed, .reset, .closedEarly, .mismatch, .timeout, .failed,
        ]
    }

    private var counts = [Int](repeating: 0, count: Kind.all.count)
    private var examples = [String?](repeating: nil, count: Kind.all.count)

    init() {}

    /// Returns the number of connections that failed in this way.
    public subscript(kind: Kind) -> Int { counts[kind.index] }

    /// The number of failed connections.
    public var total: Int { counts.reduce(0, +) }

    /// Returns the text of the first error of a kind, in one line; `nil` when there was none.
    public func example(of kind: Kind) -> String? { examples[kind.index] }

    /// The counts of the kinds that occurred, or `none`.
    public var description: String {
        let found = Kind.all.filter { self[$0] > 0 }.map { "\(self[$0]) \($0)" }
        return found.isEmpty ? "none" : found.joined(separator: ", ")
    }

    mutating func count(_ kind: Kind, _ example: @autoclosure () -> String) {
        counts[kind.index] += 1
        if examples[kind.index] == nil { examples[kind.index] = example() }
    }
}

extension LoadErrors.Kind {
    /// Returns the kind of an error that prevented a connection.
    init(connecting error: SocketError) {
        switch error.errno {
        case .connectionRefused: self = .connectRefused
        case .timedOut: self = .connectTimeout
        default: self = .connectFailed
        }
    }

    /// Returns the kind of a close that the load did not initiate.
    init(_ reason: CloseReason) {
        switch reason.kind {
        case .ended: self = .closedEarly
        case .messageTimeout: self = .timeout
        case .failed:
            switch (reason.error as? SocketError)?.errno {
            case .connectionReset, .brokenPipe, .connectionAbort: self = .reset
            default: self = .failed
            }
        default: self = .failed
        }
    }
}
