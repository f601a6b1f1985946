// What a datagram socket may use up, and how the kernel is to treat it. Everything has a default.

import SystemPackage

/// The limits and options of a datagram socket. A number beyond its bounds counts as the nearest that is allowed; the least
/// is 1 where nothing else is said.
///
///     var options = DatagramOptions()
///     options.datagramSize = 9000
///     try loop.bindDatagrams(on: "0.0.0.0:7788", options: options, handler: Echo())
public struct DatagramOptions: Sendable {
    // MARK: Limits

    /// Bytes of a datagram that are received; a longer one is cut and told apart, see
    /// ``DatagramHandler/receivedTruncated(_:from:on:)``. Default: 2,048, above what one Ethernet frame carries; at most
    /// 65,535, which no datagram exceeds.
    public var datagramSize = 2048
    /// Datagrams received with one system call. Default: 64; at most 1,024.
    public var batchSize = 64
    /// Datagrams received in one turn of the loop, a batch more or less. Default: 256.
    public var datagramsPerTurn = 256
    /// Datagrams that may wait to be sent; more are dropped and counted. Default: 512; at most 1,024.
    public var queuedDatagrams = 512
    /// Bytes that may wait to be sent; more are dropped and counted. Default: 256 KiB; at least 64 KiB, one datagram, and
    /// at most 64 KiB for each of ``queuedDatagrams``.
    public var queuedBytes = 256 * 1024
    /// Which answers are withheld, so that no two servers answer each other without end. Holds for sockets that are bound
    /// and not connected. Default: see ``AnswerLimits``.
    public var answers = AnswerLimits()

    // MARK: The kernel's part

    /// Bytes of the kernel's receive buffer (`SO_RCVBUF`): what arrives when it is full is lost. Default: `nil`, the
    /// kernel's own choice.
    public var receiveBuffer: Int?
    /// Bytes of the kernel's send buffer (`SO_SNDBUF`). Default: `nil`, the kernel's own choice.
    public var sendBuffer: Int?
    /// Datagrams may be sent to broadcast addresses (`SO_BROADCAST`). Default: no.
    public var allowsBroadcast = false
    /// Others may bind to the same address, if they say so too (`SO_REUSEADDR`): each then receives the multicast that is
    /// sent there. Default: no.
    public var sharesAddress = false
    /// Others of this user may bind to the same address, if they say so too, and each gets a part of what arrives
    /// (`SO_REUSEPORT`). Default: no.
    public var sharesPort = false
    /// Routers that a multicast datagram may pass, and 1; 0 to 255. Default: `nil`, the kernel's own choice, which is 1.
    public var multicastHops: Int?
    /// Whether multicast is also received on this machine. Default: `nil`, the kernel's own choice, which is yes.
    public var multicastLoop: Bool?
    /// Where multicast leaves through. Default: `nil`, the kernel's own choice.
    public var multicastInterface: NetworkInterface?

    /// The defaults.
    public init() {}

    /// Sets the options that are to be set.
    ///
    /// - Parameter reportsLocalAddress: whether each datagram is received with the address that it was sent to.
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
        // Linux would hand this socket the multicast of groups that others on this machine have joined (ip(7)). For IPv6
        // it can be told otherwise since 4.20.
        let apart = kernel.setOption(.multicastAll(isIPv6: address.isIPv6), of: socket, to: 0)
        if let errno = apart.errno, errno != .protocolNotAvailable {
            throw SocketError(.configure, subject: "\(address)", errno: errno)
        }
        // Only a socket that has all addresses cannot know otherwise which one was asked, and so has to answer from there
        // (RFC 1123, 2.3).
        if reportsLocalAddress {
            let asked = kernel.setOption(.packetInfo(isIPv6: address.isIPv6), of: socket, to: 1)
            if let errno = asked.errno { throw SocketError(.configure, subject: "\(address)", errno: errno) }
        }
        guard let multicastInterface else { return }
        let result = kernel.setMulticast(.sendThrough, address, interface: multicastInterface.index, of: socket)
        if let errno = result.errno { throw SocketError(.configure, subject: "\(address)", errno: errno) }
    }
}
