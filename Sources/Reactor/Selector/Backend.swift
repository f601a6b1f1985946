// The public choice of the selector that a loop uses.

/// The mechanism by which an event loop waits for readiness.
public struct Backend: Sendable, Hashable, CustomStringConvertible {
    /// The trigger mode of epoll(7).
    public struct Trigger: Sendable, Hashable {
        fileprivate let isEdge: Bool
        /// Reports readiness as long as it lasts.
        public static let levelTriggered = Trigger(isEdge: false)
        /// Reports readiness once, when it begins.
        public static let edgeTriggered = Trigger(isEdge: true)
    }

    private enum Kind: Hashable { case epoll(isEdge: Bool), poll, select(isUnlimited: Bool) }
    private let kind: Kind

    private init(_ kind: Kind) { self.kind = kind }

    /// epoll(7), the default. Only its cost is independent of the number of idle connections.
    public static func epoll(_ trigger: Trigger = .levelTriggered) -> Backend {
        Backend(.epoll(isEdge: trigger.isEdge))
    }
    /// poll(2), whose cost grows with the number of connections.
    public static let poll = Backend(.poll)
    /// select(2), for descriptors below 1,024.
    public static let select = Backend(.select(isUnlimited: false))
    /// select(2) with bitmaps of any length, for descriptors without a limit.
    public static let unlimitedSelect = Backend(.select(isUnlimited: true))

    /// All back ends, fastest first.
    public static let all: [Backend] = [
        .epoll(.levelTriggered), .epoll(.edgeTriggered), .poll, .select, .unlimitedSelect,
    ]

    /// Creates a back end from its name, as in ``description``; `nil` for an unknown name.
    public init?(_ name: String) {
        guard let backend = Self.all.first(where: { $0.description == name }) else { return nil }
        self = backend
    }

    /// The name: `epoll-lt`, `epoll-et`, `poll`, `select` or `select-unlimited`.
    public var description: String {
        switch kind {
        case .epoll(let isEdge): isEdge ? "epoll-et" : "epoll-lt"
        case .poll: "poll"
        case .select(let isUnlimited): isUnlimited ? "select-unlimited" : "select"
        }
    }

    /// Creates the selector. An ``EventLoop`` does this itself; the server models use it for a loop of their own.
    ///
    /// - Throws: ``SocketError`` if the system cannot create an epoll set.
    package func makeSelector(_ kernel: any SystemCalls) throws(SocketError) -> any Selector {
        switch kind {
        case .epoll(let isEdge): try EpollSelector(kernel: kernel, edgeTriggered: isEdge)
        case .poll: PollSelector(kernel: kernel)
        case .select(let isUnlimited): SelectSelector(kernel: kernel, unlimited: isUnlimited)
        }
    }
}
