// What a process is started with: sockets of a server from systemd or from a predecessor, named in the environment as
// sd_listen_fds(3) has it, and a pipe on which a predecessor waits to hear that its successor is ready.
//
//     LISTEN_FDS       how many sockets, from descriptor 3 on
//     LISTEN_PID       which process they are for; children that inherit the environment are not meant
//     LISTEN_FDNAMES   their names, with colons between
//     REACTOR_READY_FD the pipe; of this framework's own making
//     REACTOR_ROLES    what the predecessor used each socket for (SocketRole), with commas between

import CReactor
public import SystemPackage

/// A socket that this process was started with: a stream socket that listens, or a bound datagram socket.
///
/// A name for it: it stays open until a server takes it over.
public struct InheritedSocket: Sendable, Hashable {
    /// The descriptor.
    public let descriptor: FileDescriptor
    /// What the one who passed it on calls it, as `FileDescriptorName=` in systemd.socket(5); `nil` when it has no name.
    public let name: String?
    /// Where it listens, or is bound.
    public let address: SocketAddress
    /// Whether it has connections or datagrams.
    package let kind: SocketKind
    /// What the predecessor used it for.
    var role = SocketRole.foreign

    /// Takes a descriptor for a socket of a server, checks that it is one, and makes it non-blocking and close-on-exec: a
    /// stream socket that listens, or a UDP socket that is bound.
    ///
    /// - Throws: ``SocketError`` that says what it is instead.
    public init(descriptor: FileDescriptor, name: String? = nil) throws(SocketError) {
        let number = descriptor.rawValue
        func refuse(_ reason: String) -> SocketError {
            SocketError(.inherit, subject: "descriptor \(number)", reason: reason)
        }
        let type = SystemResult(rawValue: creactor_getsockopt(number, SOL_SOCKET, SO_TYPE))
        if let errno = type.errno { throw SocketError(.inherit, subject: "descriptor \(number)", errno: errno) }
        switch type.rawValue {
        case Int(SOCK_STREAM.rawValue): kind = .stream
        case Int(SOCK_DGRAM.rawValue): kind = .datagram
        default: throw refuse("it is neither a stream socket nor a datagram socket")
        }
        if kind == .stream, creactor_getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN) != 1 {
            throw refuse("it does not listen")
        }
        let family = CInt(clamping: creactor_getsockopt(number, SOL_SOCKET, SO_DOMAIN))
        if kind == .datagram && family == AF_UNIX { throw refuse("it is a Unix datagram socket; use a UDP socket") }
        guard [AF_INET, AF_INET6, AF_UNIX].contains(family) else {
            throw refuse("its address family is neither IPv4, IPv6 nor Unix")
        }
        var address = SocketAddress.unspecified
        let found = LinuxKernel.shared.localAddress(of: descriptor, &address)
        let prepared = SystemResult(rawValue: creactor_adopt(number))
        if let errno = found.errno ?? prepared.errno {
            throw SocketError(.inherit, subject: "descriptor \(number)", errno: errno)
        }
        if kind == .datagram && address.port == 0 { throw refuse("it is not bound to a port") }
        self.descriptor = descriptor
        self.name = name
        self.address = address
    }

    /// The refusal of a server that has no use for it.
    func refusal() -> SocketError {
        let label = name.map { " (\($0))" } ?? ""
        let (what, wanted) = self.kind == .stream ? ("stream", "datagrams") : ("datagram", "connections")
        return SocketError(
            .inherit, subject: "descriptor \(descriptor.rawValue)\(label)",
            reason: "it is a \(what) socket on \(address), and this server takes \(wanted); "
                + "remove it from the unit (systemd.socket(5))")
    }
}

/// What a process used a socket for that it hands to its successor.
enum SocketRole: String, Sendable {
    /// It serves with it, and removes the path of a Unix socket at its end.
    case service
    /// It serves with it; whoever started the first process owns the path of a Unix socket, systemd for instance.
    case foreign
    /// The admin socket.
    case administration
}

/// What this process was started with.
public struct Inheritance: Sendable {
    /// The sockets, in order, without a predecessor's admin socket.
    public let sockets: [InheritedSocket]
    /// The admin socket of a predecessor, which ``EventLoop/serveAdministration(at:inheriting:)`` takes over.
    let administration: InheritedSocket?
    /// Where a predecessor waits.
    private let readyPipe: FileDescriptor?

    private static let firstDescriptor: CInt = 3
    /// More than any unit file lists; a number above this is a mistake.
    private static let mostSockets = 1024

    /// Sockets that came another way, by number for instance.
    public init(sockets: [InheritedSocket]) {
        self.sockets = sockets
        administration = nil
        readyPipe = nil
    }

    /// Takes what the environment names, and clears that, so that children do not take it for theirs.
    ///
    /// To be called once, at start-up, while there is one thread: it changes the environment (environ(7)).
    /// - Returns: `nil` when the environment names nothing, or is meant for another process.
    /// - Throws: ``SocketError`` when what it names is malformed, or not a socket of a server.
    public static func take() throws(SocketError) -> Inheritance? {
        let names = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "REACTOR_READY_FD", "REACTOR_ROLES"]
        let values = names.map(environment)
        for name in names { unsafe unsetenv(name) }
        guard let process = values[0], number(process) == getpid(), let count = values[1] else { return nil }
        guard let count = number(count), count <= mostSockets else {
            throw SocketError(.inherit, subject: "LISTEN_FDS=\(count)", reason: "it is no number of sockets")
        }
        let labels = values[2]?.split(separator: ":", omittingEmptySubsequences: false).map(String.init) ?? []
        if !labels.isEmpty && labels.count != Int(count) {
            throw SocketError(
                .inherit, subject: "LISTEN_FDNAMES", reason: "\(labels.count) names for \(count) sockets")
        }
        var sockets: [InheritedSocket] = []
        for index in 0..<count {
            sockets.append(
                try InheritedSocket(
                    descriptor: FileDescriptor(rawValue: firstDescriptor + index),
                    name: labels.isEmpty ? nil : labels[Int(index)]))
        }
        var readyPipe: FileDescriptor?
        if let pipe = values[3].flatMap(number) {
            // A child of ours must not keep the predecessor waiting.
            if let errno = SystemResult(rawValue: creactor_adopt(pipe)).errno {
                throw SocketError(.inherit, subject: "REACTOR_READY_FD=\(pipe)", errno: errno)
            }
            readyPipe = FileDescriptor(rawValue: pipe)
            try assignRoles(values[4], to: &sockets)
        }
        return Inheritance(sockets: sockets, readyPipe: readyPipe)
    }

    /// The same with the sockets of one kind only, which is what a server takes. The others are closed.
    ///
    /// - Parameter refused: called with an error that names it for each socket that is closed.
    /// - Throws: ``SocketError`` that names the first socket when none is of this kind.
    package func keeping(_ kind: SocketKind, refused: (SocketError) -> Void) throws(SocketError) -> Inheritance {
        let others = sockets.filter { $0.kind != kind }
        if let first = others.first, others.count == sockets.count { throw first.refusal() }
        for other in others {
            _ = creactor_close(other.descriptor.rawValue)
            refused(other.refusal())
        }
        let kept = sockets.filter { $0.kind == kind } + (administration.map { [$0] } ?? [])
        return Inheritance(sockets: kept, readyPipe: readyPipe)
    }

    /// Notes what the predecessor used each socket for; one that says nothing about it served with all of them.
    private static func assignRoles(_ text: String?, to sockets: inout [InheritedSocket]) throws(SocketError) {
        guard let text else {
            for index in sockets.indices { sockets[index].role = .service }
            return
        }
        let roles = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard roles.count == sockets.count else {
            throw SocketError(
                .inherit, subject: "REACTOR_ROLES", reason: "\(roles.count) roles for \(sockets.count) sockets")
        }
        for index in sockets.indices {
            guard let role = SocketRole(rawValue: roles[index]) else {
                throw SocketError(.inherit, subject: "REACTOR_ROLES", reason: "unknown role '\(roles[index])'")
            }
            sockets[index].role = role
        }
    }

    private init(sockets: [InheritedSocket], readyPipe: FileDescriptor?) {
        self.sockets = sockets.filter { $0.role != .administration }
        administration = sockets.first { $0.role == .administration }
        self.readyPipe = readyPipe
    }

    /// Tells the predecessor, if there is one that waits, that its successor serves.
    func announceReady() {
        guard let readyPipe else { return }
        let ready: [UInt8] = [0]
        // If it cannot be told, it has gone already. Safe: a byte has no padding.
        _ = unsafe LinuxKernel.shared.writeWithoutSignal(readyPipe, ready.span.bytes)
        _ = creactor_close(readyPipe.rawValue)
    }

    private static func environment(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// A number of ASCII digits and nothing else.
    private static func number(_ text: String) -> CInt? {
        let digits = text.utf8
        return digits.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? CInt(text) : nil
    }
}
