// How other threads, actors and tables refer to a connection: by its loop, its descriptor's number and the generation of
// its registration, so that a reference never resolves to a later connection with the same number.

/// A reference to a connection, which any thread may hold; its loop resolves it.
///
///     let reference = connection.reference
///     ...
///     reference.execute { $0.write("news\n") }  // from any thread
///
/// It does not keep the connection alive, and resolves to nothing once the connection has closed.
public struct ConnectionReference: Sendable, Hashable, CustomStringConvertible {
    let token: Token
    /// The handle of the connection's loop.
    public let handle: LoopHandle

    /// Runs a closure with the connection on its loop's thread, if the connection is open then.
    ///
    /// Any thread may call this. Closures run in the order in which they were given.
    ///
    /// - Parameter body: uses the connection; dropped when the connection has closed.
    /// - Returns: `false` when the loop has ended.
    @discardableResult
    public func execute(_ body: @escaping @Sendable (Connection) -> Void) -> Bool {
        handle.execute { [self] loop in
            if let connection = loop.connection(self) { body(connection) }
        }
    }

    /// Compares the loops and the connections.
    public static func == (left: ConnectionReference, right: ConnectionReference) -> Bool {
        left.token.rawValue == right.token.rawValue && left.handle.mailbox === right.handle.mailbox
    }

    /// Feeds the loop and the connection to a hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(token.rawValue)
        hasher.combine(ObjectIdentifier(handle.mailbox))
    }

    /// The number of the descriptor and of its registration.
    public var description: String { "connection \(token.index).\(token.generation)" }
}

extension EventLoop {
    /// Returns the connection of a reference; `nil` when it has closed or belongs to another loop.
    public func connection(_ reference: ConnectionReference) -> Connection? {
        guard reference.handle.mailbox === handle.mailbox else { return nil }
        return registry.source(for: reference.token)?.source as? Connection
    }
}
