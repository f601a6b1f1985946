// What a loop has to say to its operator: rare, worth a line in a log, and never more often than once a second a kind.

/// Something that the operator of a loop should know.
public struct LoopReport: Sendable, CustomStringConvertible {
    /// What happened.
    public struct Kind: Sendable, Hashable {
        let number: Int
        /// A callback kept the whole loop waiting.
        public static let slowCallback = Kind(number: 0)
        /// Descriptors or memory ran out; accepting pauses.
        public static let outOfResources = Kind(number: 1)
        /// A limit of connections was reached; newcomers are refused.
        public static let connectionLimit = Kind(number: 2)
        /// A handler threw an error; its connection was closed.
        public static let handlerError = Kind(number: 3)
        /// A change of the selector that another thread asked for was refused; the loop goes on as before.
        public static let switchRefused = Kind(number: 4)
        /// A newcomer was refused, by policy or because of its PROXY header.
        public static let connectionRefused = Kind(number: 5)
        /// A descriptor of the loop's own was closed by someone else; what it was for has ended.
        public static let descriptorLost = Kind(number: 6)
        static let count = 7
    }

    /// What happened.
    public let kind: Kind
    /// What happened, in one line.
    public let description: String
}
