// What a chat may use up; nothing in it grows without a bound.

/// The limits of a chat server. What a connection may use up is in `Limits`.
public struct ChatLimits: Sendable {
    /// Members of one room on this server. Default: 2,000; each of them costs every message a write.
    public var membersPerRoom = 2_000
    /// Rooms at once. Default: 200. One that the last member leaves is gone, with its history.
    public var rooms = 200
    /// Lines of a room that newcomers are shown. Default: 20.
    public var history = 20
    /// Bytes of a line. Default: 1,024; a longer one ends its member's connection.
    public var lineBytes = 1_024
    /// Lines a second that a member may send for long. Default: 5.
    public var linesPerSecond = 5
    /// Lines that it may send at once after a silence. Default: 10.
    public var burst = 10
    /// Lines beyond that which are thrown away, after a warning, before their sender is dropped. Default: 20.
    public var excess = 20
    /// Joins, leaves and changes of name that a room reports one by one, per second for long. Default: 5; what is beyond is
    /// counted into one line.
    public var noticesPerSecond = 5
    /// How many of them it reports at once after a silence. Default: 20.
    public var noticeBurst = 20
    /// Members that one address lets in per second for long; an IPv6 /64 is one address, and loopback has no limit.
    /// Default: 10.
    public var entriesPerSecond = 10
    /// How many of them at once after a silence. Default: 100.
    public var entryBurst = 100
    /// How long a member's output may stay above its watermark before the member is dropped. Default: 2 s. It is not
    /// zero because a burst may put a member there who reads as fast as anybody could.
    public var patience = Duration.seconds(2)

    /// The defaults.
    public init() {}
}
