// The interest in a descriptor, and its readiness. The values are those of poll(2), which epoll(7) shares, so that the
// event bits need no conversion.

/// The events that a descriptor is watched for.
///
/// Hang-up and errors are always reported, whatever the interest.
public struct Interest: OptionSet, BitwiseCopyable, Sendable, Hashable {
    /// The bits, with the values of ``Readiness``.
    public let rawValue: UInt8

    /// Creates an interest from its bits.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Reading would not block: there are bytes, a connection to accept, or the end of the stream (`POLLIN`).
    public static let readable = Interest(rawValue: 0x01)
    /// Urgent data has arrived (`POLLPRI`).
    public static let priority = Interest(rawValue: 0x02)
    /// Writing would not block, or connect(2) has completed (`POLLOUT`).
    public static let writable = Interest(rawValue: 0x04)
}

/// The readiness of a descriptor, as reported by a selector.
///
/// It is a hint, not a guarantee: the operation may still block.
public struct Readiness: OptionSet, BitwiseCopyable, Sendable, Hashable, CustomStringConvertible {
    /// The bits of poll(2).
    public let rawValue: UInt16

    /// Creates a readiness from the bits of poll(2).
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Reading would not block (`POLLIN`).
    public static let readable = Readiness(rawValue: 0x01)
    /// Urgent data has arrived (`POLLPRI`).
    public static let priority = Readiness(rawValue: 0x02)
    /// Writing would not block (`POLLOUT`).
    public static let writable = Readiness(rawValue: 0x04)
    /// An error is pending (`POLLERR`).
    public static let error = Readiness(rawValue: 0x08)
    /// Both directions are closed (`POLLHUP`).
    public static let hangUp = Readiness(rawValue: 0x10)
    /// The descriptor is not open (`POLLNVAL`).
    public static let invalid = Readiness(rawValue: 0x20)
    /// The peer will send no more (`POLLRDHUP`).
    public static let peerClosed = Readiness(rawValue: 0x2000)

    /// The events reported whatever the interest. A computed property, which needs no lazy-initialization check per
    /// event.
    static var unasked: Readiness { [.error, .hangUp, .invalid] }
    /// All events that this type defines.
    static let all: Readiness = [.readable, .priority, .writable, .error, .hangUp, .invalid, .peerClosed]

    /// The names of poll(2) without their prefix, joined with `|`: `IN|HUP`.
    public var description: String {
        let names: [(Readiness, String)] = [
            (.readable, "IN"), (.priority, "PRI"), (.writable, "OUT"), (.error, "ERR"), (.hangUp, "HUP"),
            (.invalid, "NVAL"), (.peerClosed, "RDHUP"),
        ]
        return names.filter { contains($0.0) }.map(\.1).joined(separator: "|")
    }
}

/// The identity of a registration: a descriptor, and a generation that tells apart successive registrations of its
/// number.
///
///     63           32 31            0
///     |  generation  |  descriptor  |
///
/// The generation increases by 1 with each registration of the number and wraps after 2^32 of them. Only an event that
/// old could be mistaken for a current one.
package struct Token: BitwiseCopyable, Sendable, Hashable {
    /// Both halves as one word, the user data of epoll.
    package let rawValue: UInt64

    /// Creates a token from the user data of an epoll event.
    @inlinable
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    init(index: Int, generation: UInt32) {
        rawValue = UInt64(generation) << 32 | UInt64(UInt32(truncatingIfNeeded: index))
    }

    var index: Int { Int(rawValue & 0xffff_ffff) }
    var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
}

/// An event of a wait. It has the layout of epoll's event, whose bits are those of poll(2), so that the kernel fills a
/// ``ReadyList`` directly, without conversion.
package typealias ReadyEvent = EpollEvent

extension ReadyEvent {
    /// Creates an event for a registration.
    package init(token: Token, readiness: Readiness) {
        self.init(events: UInt32(readiness.rawValue), data: token.rawValue)
    }

    /// The token of the registration.
    package var token: Token { Token(rawValue: data) }

    /// The readiness of the descriptor.
    package var readiness: Readiness { Readiness(rawValue: UInt16(truncatingIfNeeded: events)) }
}
