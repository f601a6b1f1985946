// The limits of a chat; every resource has one.

/// The limits of a chat server. Those of its connections are in `Limits`.
package struct ChatLimits: Sendable {
    /// The maximum number of members per room on this server. Default: 2,000; each costs one write per message.
    package var membersPerRoom = 2_000
    /// The maximum number of rooms. Default: 200. An empty room is removed with its history.
    package var rooms = 200
    /// The number of lines that a room keeps and sends to members who enter. Default: 20.
    package var history = 20
    /// The maximum length of a line, in bytes. Default: 1,024; a longer line ends the connection.
    package var lineBytes = 1_024
    /// The sustained rate of a member's lines, per second. Default: 5.
    package var linesPerSecond = 5
    /// The number of lines that a member may send at once after a silence. Default: 10.
    package var burst = 10
    /// The number of excess lines that are discarded, after a warning, before the member is dropped. Default: 20.
    package var excess = 20
    /// The sustained rate of joins, leaves and renames that a room announces one by one, per second. Default: 5; the
    /// rest is summarized in one line.
    package var noticesPerSecond = 5
    /// The number of them that it announces at once after a silence. Default: 20.
    package var noticeBurst = 20
    /// The sustained rate of new members per address, per second; an IPv6 /64 counts as one address, and loopback is
    /// exempt. Default: 10.
    package var entriesPerSecond = 10
    /// The number of new members per address at once after a silence. Default: 100.
    package var entryBurst = 100
    /// How long a member's output may stay above its high watermark before the member is dropped. Default: 2 s. It is
    /// not zero, because a burst may exceed the watermark of even the fastest reader.
    package var patience = Duration.seconds(2)

    /// Creates the default limits.
    package init() {}
}
