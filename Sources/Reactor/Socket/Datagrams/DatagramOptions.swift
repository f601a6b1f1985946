// The limits of a datagram socket and its socket options. Everything has a default.

import SystemPackage

/// The limits and options of a datagram socket.
///
/// A number out of range is clamped to the nearest valid one; the minimum is 1 unless stated otherwise.
///
///     var options = DatagramOptions()
///     options.datagramSize = 9000
///     try loop.bindDatagrams(on: "0.0.0.0:7788", options: options, handler: Echo())
public struct DatagramOptions: Sendable {
    // MARK: Limits

    /// The largest datagram, in bytes, that is received completely. Default: 2,048, more than an Ethernet frame
    /// carries; at most 65,535, which no datagram exceeds.
    ///
    /// A longer datagram is truncated and delivered to ``DatagramHandler/receivedTruncated(_:from:on:)``.
    public var datagramSize = 2048
    /// Datagrams received per system call. Default: 64; at most 1,024.
    public var batchSize = 64
    /// Datagrams received per turn of the loop, rounded up to a batch. Default: 256.
    public var datagramsPerTurn = 256
    /// Datagrams that may be queued for sending; more are dropped and counted. Default: 512; at most 1,024.
    public var queuedDatagrams = 512
    /// Bytes that may be queued for sending; more are dropped and counted. Default: 256 KiB; at least 64 KiB, one
    /// datagram, and at most 64 KiB for each of ``queuedDatagrams``.
    public var queuedBytes = 256 * 1024
    /// The limits on replies, which keep two servers from replying to each other indefinitely. They apply to sockets
    /// that are bound and not connected. Default: see ``ReplyLimits``.
    public var replies = ReplyLimits()

    // MARK: Socket options

    /// The size of the kernel's receive buffer in bytes (`SO_RCVBUF`); datagrams that arrive while it is full are lost.
    /// Default: `nil`, the kernel's default.
    public var receiveBuffer: Int?
    /// The size of the kernel's send buffer in bytes (`SO_SNDBUF`). Default: `nil`, the kernel's default.
    public var sendBuffer: Int?
    /// Whether datagrams may be sent to broadcast addresses (`SO_BROADCAST`). Default: no.
    public var allowsBroadcast = false
    /// Whether other sockets with this option may bind to the same address (`SO_REUSEADDR`); each of them receives the
    /// multicast sent there. Default: no.
    public var sharesAddress = false
    /// Whether other sockets of this user with this option may bind to the same address; each receives a share of the
    /// datagrams (`SO_REUSEPORT`). Default: no.
    public var sharesPort = false
    /// The hop limit of outgoing multicast, 0 to 255. Default: `nil`, the kernel's default of 1.
    public var multicastHops: Int?
    /// Whether outgoing multicast is looped back to this machine. Default: `nil`, the kernel's default, which is yes.
    public var multicastLoop: Bool?
    /// The interface that outgoing multicast is sent through. Default: `nil`, chosen by the kernel.
    public var multicastInterface: NetworkInterface?

    /// Creates options with their default values.
    public init() {}

    /// Sets the socket options.
    ///
    /// - Parameter reportsLocalAddress: whether each datagram carries its destination address (`IP_PKTINFO`).
    func apply(
        to socket: FileDescriptor, _ kernel: any SystemCalls, for address: SocketAddress, reportsLocalAddress: Bool
    ) throws(SocketError) {
        var settings: [(SocketOption, Int)] = []
        if let receiveBuffer { settings.append((.receiveBuffer, max(1, receiveBuffer))) }
        if let sendBuffer { settings.append((.sendBuffer, max(1, sendBuffer))) }
        if allowsBroadcast { settings.append((.broadcast, 1)) }
        if sharesAddress { settings.append((.reuseAddress, 1)) }
        if sharesPort { settings.append((.reusePort, 1)) }
        if let multicastHops {
            settings.append((.multicastHops(isIPv6: address.isIPv6), min(max(0, multicastHops), 255)))
        }
        if let multicastLoop { settings.append((.multicastLoop(isIPv6: address.isIPv6), multicastLoop ? 1 : 0)) }
        for (option, value) in settings {
            if let errno = kernel.setOption(option, of: socket, to: value).errno {
                throw SocketError(.configure, subject: "\(address)", errno: errno)
            }
        }
        // By default, Linux also delivers multicast of groups that other sockets on this machine have joined (ip(7)).
        // IPv6 has the option to disable that since Linux 4.20.
        let apart = kernel.setOption(.multicastAll(isIPv6: address.isIPv6), of: socket, to: 0)
        if let errno = apart.errno, errno != .protocolNotAvailable {
            throw SocketError(.configure, subject: "\(address)", errno: errno)
        }
        // Only a socket bound to the wildcard address needs the datagram's destination address, to reply from it (RFC
        // 1123, 2.3).
        if reportsLocalAddress {
            let asked = kernel.setOption(.packetInfo(isIPv6: address.isIPv6), of: socket, to: 1)
            if let errno = asked.errno { throw SocketError(.configure, subject: "\(address)", errno: errno) }
        }
        guard let multicastInterface else { return }
        let result = kernel.setMulticast(.sendThrough, address, interface: multicastInterface.index, of: socket)
        if let errno = result.errno { throw SocketError(.configure, subject: "\(address)", errno: errno) }
    }
}
