// What one may ask of a descriptor, and what one may be told. The values are poll(2)'s, which epoll(7) shares, so that
// no selector has to translate them twice.

/// What someone wants to know about a descriptor. Hang-up and errors are told without being asked for.
public struct Interest: OptionSet, BitwiseCopyable, Sendable, Hashable {
    /// The bits, as ``Readiness`` has them.
    public let rawValue: UInt8

    /// An interest from its bits.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Tell when reading would not block: bytes, a connection to accept, or the end of the stream.
    public static let readable = Interest(rawValue: 0x01)
    /// Tell of urgent data (`POLLPRI`).
    public static let priority = Interest(rawValue: 0x02)
    /// Tell when writing would not block, or a connect has ended.
    public static let writable = Interest(rawValue: 0x04)
}

/// What a selector found out about a descriptor. A hint, not a promise: the operation may still block.
public struct Readiness: OptionSet, BitwiseCopyable, Sendable, Hashable, CustomStringConvertible {
    /// The bits of poll(2).
    public let rawValue: UInt16

    /// A readiness from poll's bits.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Reading would not block (`POLLIN`).
    public static let readable = Readiness(rawValue: 0x01)
    /// There is urgent data (`POLLPRI`).
    public static let priority = Readiness(rawValue: 0x02)
    /// Writing would not block (`POLLOUT`).
    public static let writable = Readiness(rawValue: 0x04)
    /// An error is pending (`POLLERR`).
    public static let error = Readiness(rawValue: 0x08)
    /// Both directions are over (`POLLHUP`).
    public static let hangUp = Readiness(rawValue: 0x10)
    /// The descriptor is not open (`POLLNVAL`).
    public static let invalid = Readiness(rawValue: 0x20)
    /// The peer will send no more (`POLLRDHUP`).
    public static let peerClosed = Readiness(rawValue: 0x2000)

    /// What is reported whatever was asked for. Computed, so that no event has to ask whether it is initialized.
    static var unasked: Readiness { [.error, .hangUp, .invalid] }
    /// Everything this type names.
    static let all: Readiness = [.readable, .priority, .writable, .error, .hangUp, .invalid, .peerClosed]

    /// Poll's own names, joined with `|`.
    public var description: String {
        let names: [(Readiness, String)] = [
            (.readable, "IN"), (.priority, "PRI"), (.writable, "OUT"), (.error, "ERR"), (.hangUp, "HUP"),
            (.invalid, "NVAL"), (.peerClosed, "RDHUP"),
        ]
        return names.filter { contains($0.0) }.map(\.1).joined(separator: "|")
    }
}

/// A registration's name: the descriptor, and which of the registrations under that number it is.
///
///     63           32 31            0
///     |  generation  |  descriptor  |
///
/// The generation grows by one each time the number is registered anew; it wraps after four thousand million
/// registrations of one number, and an event would have to be that old to be taken for a new one.
package struct Token: BitwiseCopyable, Sendable, Hashable {
    /// Both halves in one word, as it is given to epoll.
    package let rawValue: UInt64

    /// A token from the word that epoll gave back.
    @inlinable
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    init(index: Int, generation: UInt32) {
        rawValue = UInt64(generation) << 32 | UInt64(UInt32(truncatingIfNeeded: index))
    }

    var index: Int { Int(rawValue & 0xffff_ffff) }
    var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
}

/// One thing that a wait found. It is laid out as epoll's own event, whose bits are poll's, so that epoll fills a
/// ``ReadyList`` by itself and nothing has to be translated.
package typealias ReadyEvent = EpollEvent

extension ReadyEvent {
    /// An event for a registration.
    package init(token: Token, readiness: Readiness) {
        self.init(events: UInt32(readiness.rawValue), data: token.rawValue)
    }

    /// Whose it is.
    package var token: Token { Token(rawValue: data) }

    /// What was found.
    package var readiness: Readiness { Readiness(rawValue: UInt16(truncatingIfNeeded: events)) }
}
