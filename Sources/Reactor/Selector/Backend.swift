// Which selector a loop uses: the public choice, by name.

/// The way in which an event loop finds out what is ready.
public struct Backend: Sendable, Hashable, CustomStringConvertible {
    /// When epoll tells of readiness.
    public struct Trigger: Sendable, Hashable {
        fileprivate let isEdge: Bool
        /// As long as it lasts.
        public static let levelTriggered = Trigger(isEdge: false)
        /// When it begins.
        public static let edgeTriggered = Trigger(isEdge: true)
    }

    private enum Kind: Hashable { case epoll(isEdge: Bool), poll, select(isUnlimited: Bool) }
    private let kind: Kind

    private init(_ kind: Kind) { self.kind = kind }

    /// epoll(7): the default, and the only one whose cost does not grow with idle connections.
    public static func epoll(_ trigger: Trigger = .levelTriggered) -> Backend {
        Backend(.epoll(isEdge: trigger.isEdge))
    }
    /// poll(2).
    public static let poll = Backend(.poll)
    /// select(2), for descriptors below 1,024.
    public static let select = Backend(.select(isUnlimited: false))
    /// select(2) with bitmaps of our own, for descriptors of any number.
    public static let unlimitedSelect = Backend(.select(isUnlimited: true))

    /// All of them, fastest first.
    public static let all: [Backend] = [
        .epoll(.levelTriggered), .epoll(.edgeTriggered), .poll, .select, .unlimitedSelect,
    ]

    /// The back end of this name, as `description` spells it; `nil` when there is none.
    public init?(_ name: String) {
        guard let backend = Self.all.first(where: { $0.description == name }) else { return nil }
        self = backend
    }

    /// `epoll-lt`, `epoll-et`, `poll`, `select` or `select-unlimited`.
    public var description: String {
        switch kind {
        case .epoll(let isEdge): isEdge ? "epoll-et" : "epoll-lt"
        case .poll: "poll"
        case .select(let isUnlimited): isUnlimited ? "select-unlimited" : "select"
        }
    }

    /// Makes the selector. An ``EventLoop`` does this itself; the server models use it for a loop of their own.
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
