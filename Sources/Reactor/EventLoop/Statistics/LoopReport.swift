// A loop's reports to its operator: rare, worth a log line, and at most one per second and kind.

/// A report that the operator of a loop should see.
public struct LoopReport: Sendable, CustomStringConvertible {
    /// The kinds of reports. New ones may be added.
    public struct Kind: Sendable, Hashable {
        let number: Int
        /// A callback blocked the whole loop.
        public static let slowCallback = Kind(number: 0)
        /// Descriptors or memory ran out; accepting pauses.
        public static let outOfResources = Kind(number: 1)
        /// A connection limit was reached; new connections are refused.
        public static let connectionLimit = Kind(number: 2)
        /// A handler threw an error; its connection was closed.
        public static let handlerError = Kind(number: 3)
        /// A switch of the selector that another thread requested was refused; the loop continues as before.
        public static let switchRefused = Kind(number: 4)
        /// A new connection was refused, by policy or because of its PROXY header.
        public static let connectionRefused = Kind(number: 5)
        /// A descriptor owned by the loop was closed by other code; whatever used it has ended.
        public static let descriptorLost = Kind(number: 6)
        static let count = 7
    }

    /// The kind of report.
    public let kind: Kind
    /// The report in one line.
    public let description: String
}
