// The socket options that the framework sets. They stand in Kernel/, the only folder that may import the C library.

import CReactor

extension SocketOption {
    /// `SO_REUSEADDR`: allows bind(2) while connections of an earlier listener are in TIME_WAIT.
    package static let reuseAddress = SocketOption(level: SOL_SOCKET, name: SO_REUSEADDR)
    /// `SO_KEEPALIVE`: sends keep-alive probes to a silent peer.
    package static let keepAlive = SocketOption(level: SOL_SOCKET, name: SO_KEEPALIVE)
    /// `SO_SNDBUF`, bytes: the size of the send buffer (the kernel doubles the value).
    package static let sendBuffer = SocketOption(level: SOL_SOCKET, name: SO_SNDBUF)
    /// `SO_RCVBUF`, bytes: the size of the receive buffer (the kernel doubles the value).
    package static let receiveBuffer = SocketOption(level: SOL_SOCKET, name: SO_RCVBUF)
    /// `TCP_NODELAY`: sends small segments at once.
    package static let noDelay = tcp(TCP_NODELAY)
    /// `TCP_KEEPIDLE`, seconds: the silence before the first keep-alive probe.
    package static let keepAliveIdle = tcp(TCP_KEEPIDLE)
    /// `TCP_KEEPINTVL`, seconds: the time between keep-alive probes.
    package static let keepAliveInterval = tcp(TCP_KEEPINTVL)
    /// `TCP_KEEPCNT`: the number of unacknowledged probes after which the connection is dropped.
    package static let keepAliveCount = tcp(TCP_KEEPCNT)
    /// `TCP_USER_TIMEOUT`, milliseconds: the time that sent bytes may remain unacknowledged.
    package static let userTimeout = tcp(TCP_USER_TIMEOUT)
    /// `IPV6_V6ONLY`: restricts an IPv6 listener to IPv6 connections.
    package static let ipv6Only = SocketOption(level: CInt(IPPROTO_IPV6), name: CInt(IPV6_V6ONLY))
    /// `IP_BIND_ADDRESS_NO_PORT`: binds to a source address only and leaves the port to connect(2), so that connections
    /// to different destinations can share a port.
    package static let bindAddressNoPort = SocketOption(
        level: CInt(IPPROTO_IP), name: CInt(IP_BIND_ADDRESS_NO_PORT))

    /// `SO_REUSEPORT`: lets several sockets share an address; the kernel distributes incoming traffic among them.
    package static let reusePort = SocketOption(level: SOL_SOCKET, name: SO_REUSEPORT)
    /// `SO_BROADCAST`: permits sending datagrams to broadcast addresses.
    package static let broadcast = SocketOption(level: SOL_SOCKET, name: SO_BROADCAST)

    /// `IP_PKTINFO` or `IPV6_RECVPKTINFO`: reports the local address that each received datagram was sent to.
    package static func packetInfo(isIPv6: Bool) -> SocketOption { ip(isIPv6, IP_PKTINFO, IPV6_RECVPKTINFO) }

    /// `IP_MULTICAST_TTL` or `IPV6_MULTICAST_HOPS`: the hop limit of multicast datagrams; 1 stays on the local network.
    package static func multicastHops(isIPv6: Bool) -> SocketOption {
        ip(isIPv6, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS)
    }
    /// `IP_MULTICAST_LOOP` or `IPV6_MULTICAST_LOOP`: whether sent multicast is also received on this machine.
    package static func multicastLoop(isIPv6: Bool) -> SocketOption {
        ip(isIPv6, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP)
    }
    /// `IP_MULTICAST_ALL` or `IPV6_MULTICAST_ALL`: whether a socket also receives from groups that only others joined.
    package static func multicastAll(isIPv6: Bool) -> SocketOption { ip(isIPv6, IP_MULTICAST_ALL, IPV6_MULTICAST_ALL) }

    private static func ip(_ isIPv6: Bool, _ four: CInt, _ six: CInt) -> SocketOption {
        isIPv6
            ? SocketOption(level: CInt(IPPROTO_IPV6), name: six) : SocketOption(level: CInt(IPPROTO_IP), name: four)
    }

    private static func tcp(_ name: CInt) -> SocketOption {
        SocketOption(level: CInt(IPPROTO_TCP), name: name)
    }
}
