// The numbers behind the option names, in the one folder that may ask the C library for them.

import CReactor

extension SocketOption {
    /// `SO_REUSEADDR`: bind although connections of an earlier listener still wait to be forgotten.
    package static let reuseAddress = SocketOption(level: SOL_SOCKET, name: SO_REUSEADDR)
    /// `SO_KEEPALIVE`: ask a silent peer whether it is still there.
    package static let keepAlive = SocketOption(level: SOL_SOCKET, name: SO_KEEPALIVE)
    /// `SO_SNDBUF`, bytes: the kernel's send buffer (the kernel doubles the value).
    package static let sendBuffer = SocketOption(level: SOL_SOCKET, name: SO_SNDBUF)
    /// `SO_RCVBUF`, bytes: the kernel's receive buffer (the kernel doubles the value).
    package static let receiveBuffer = SocketOption(level: SOL_SOCKET, name: SO_RCVBUF)
    /// `TCP_NODELAY`: send small segments at once.
    package static let noDelay = tcp(TCP_NODELAY)
    /// `TCP_KEEPIDLE`, seconds of silence before the first question.
    package static let keepAliveIdle = tcp(TCP_KEEPIDLE)
    /// `TCP_KEEPINTVL`, seconds between questions.
    package static let keepAliveInterval = tcp(TCP_KEEPINTVL)
    /// `TCP_KEEPCNT`, unanswered questions before the peer is given up.
    package static let keepAliveCount = tcp(TCP_KEEPCNT)
    /// `TCP_USER_TIMEOUT`, milliseconds that sent bytes may stay unacknowledged.
    package static let userTimeout = tcp(TCP_USER_TIMEOUT)
    /// `IPV6_V6ONLY`: an IPv6 listener that takes no IPv4 connections.
    package static let ipv6Only = SocketOption(level: CInt(IPPROTO_IPV6), name: CInt(IPV6_V6ONLY))
    /// `IP_BIND_ADDRESS_NO_PORT`: bind to a source address and leave the port to `connect`, so that ports are shared
    /// between destinations.
    package static let bindAddressNoPort = SocketOption(
        level: CInt(IPPROTO_IP), name: CInt(IP_BIND_ADDRESS_NO_PORT))

    /// `SO_REUSEPORT`: several sockets share an address, and each gets a part of what arrives.
    package static let reusePort = SocketOption(level: SOL_SOCKET, name: SO_REUSEPORT)
    /// `SO_BROADCAST`: datagrams may be sent to broadcast addresses.
    package static let broadcast = SocketOption(level: SOL_SOCKET, name: SO_BROADCAST)

    /// `IP_PKTINFO` or `IPV6_RECVPKTINFO`: each datagram is received with the address of this machine that it was sent to.
    package static func packetInfo(isIPv6: Bool) -> SocketOption { ip(isIPv6, IP_PKTINFO, IPV6_RECVPKTINFO) }

    /// `IP_MULTICAST_TTL` or `IPV6_MULTICAST_HOPS`: how many routers a multicast datagram may pass, and 1.
    package static func multicastHops(isIPv6: Bool) -> SocketOption {
        ip(isIPv6, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS)
    }
    /// `IP_MULTICAST_LOOP` or `IPV6_MULTICAST_LOOP`: whether multicast is also received on this machine.
    package static func multicastLoop(isIPv6: Bool) -> SocketOption {
        ip(isIPv6, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP)
    }
    /// `IP_MULTICAST_ALL` or `IPV6_MULTICAST_ALL`: whether a socket receives of groups that only others have joined.
    package static func multicastAll(isIPv6: Bool) -> SocketOption { ip(isIPv6, IP_MULTICAST_ALL, IPV6_MULTICAST_ALL) }

    private static func ip(_ isIPv6: Bool, _ four: CInt, _ six: CInt) -> SocketOption {
        isIPv6
            ? SocketOption(level: CInt(IPPROTO_IPV6), name: six) : SocketOption(level: CInt(IPPROTO_IP), name: four)
    }

    private static func tcp(_ name: CInt) -> SocketOption {
        SocketOption(level: CInt(IPPROTO_TCP), name: name)
    }
}
