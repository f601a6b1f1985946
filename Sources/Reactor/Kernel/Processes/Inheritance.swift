// The sockets that a process inherits from systemd or from its predecessor, described by the environment as in
// sd_listen_fds(3), and the pipe through which it reports to a predecessor that it is ready.
//
//     LISTEN_FDS       the number of sockets, beginning with descriptor 3
//     LISTEN_PID       the process that they are for; other processes that inherit the environment ignore it
//     LISTEN_FDNAMES   the names of the sockets, separated by colons
//     REACTOR_READY_FD the pipe (an extension of this framework)
//     REACTOR_ROLES    the use of each socket by the predecessor (SocketRole), separated by commas (an extension)

import CReactor
public import SystemPackage

/// A socket that this process inherited: a listening stream socket or a bound datagram socket.
///
/// The value does not own the descriptor, which stays open until a server takes it over.
public struct InheritedSocket: Sendable, Hashable {
    /// The descriptor.
    public let descriptor: FileDescriptor
    /// The name given by systemd (`FileDescriptorName=` in systemd.socket(5)) or by the predecessor; `nil` if it has
    /// none.
    public let name: String?
    /// The address that it listens on or is bound to.
    public let address: SocketAddress
    /// Whether it is a stream or a datagram socket.
    package let kind: SocketKind
    /// The use of the socket by the predecessor.
    var role = SocketRole.foreign

    /// Creates a value for an inherited descriptor, and makes the descriptor non-blocking and close-on-exec.
    ///
    /// - Parameters:
    ///   - descriptor: a listening stream socket or a bound UDP socket.
    ///   - name: the socket's name. Default: `nil`.
    /// - Throws: ``SocketError`` if the descriptor is neither; the error describes what it is.
    package init(descriptor: FileDescriptor, name: String? = nil) throws(SocketError) {
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

    /// Returns the error with which a server refuses a socket of the wrong kind.
    func refusal() -> SocketError {
        let label = name.map { " (\($0))" } ?? ""
        let (what, wanted) = self.kind == .stream ? ("stream", "datagrams") : ("datagram", "connections")
        return SocketError(
            .inherit, subject: "descriptor \(descriptor.rawValue)\(label)",
            reason: "it is a \(what) socket on \(address), and this server takes \(wanted); "
                + "remove it from the unit (systemd.socket(5))")
    }
}

/// The use of a socket that a process hands over to its successor.
enum SocketRole: String, Sendable {
    /// The process serves clients on it, and removes the path of a Unix socket when it exits.
    case service
    /// The process serves clients on it, and leaves the path of a Unix socket to its owner, such as systemd.
    case foreign
    /// The admin socket.
    case administration
}

/// The sockets that this process inherited when it was started.
public struct Inheritance: Sendable {
    /// The inherited sockets, in order, without the predecessor's admin socket.
    public let sockets: [InheritedSocket]
    /// The predecessor's admin socket, which ``EventLoop/serveAdministration(at:inheriting:)`` takes over.
    let administration: InheritedSocket?
    /// The pipe on which the predecessor waits for this process to be ready.
    private let readyPipe: FileDescriptor?

    private static let firstDescriptor: CInt = 3
    /// The maximum of `LISTEN_FDS`. No unit file lists as many, so that a larger number is a mistake.
    private static let mostSockets = 1024

    /// Creates a value from sockets that were inherited in another way, for example as descriptor numbers in arguments.
    package init(sockets: [InheritedSocket]) {
        self.sockets = sockets
        administration = nil
        readyPipe = nil
    }

    /// Takes the sockets that the environment describes, and clears those variables, so that child processes ignore
    /// them.
    ///
    /// Call it once, at start-up, before other threads exist: it changes the environment (environ(7)).
    /// - Returns: `nil` if the environment describes no sockets, or describes those of another process.
    /// - Throws: ``SocketError`` if a variable is malformed, or a descriptor is not a socket that a server can use.
    public static func take() throws(SocketError) -> Inheritance? {
        let names = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "REACTOR_READY_FD", "REACTOR_ROLES"]
        let values = names.map(environment)
        for name in names { unsafe unsetenv(name) }
        guard let process = values[0], number(process) == getpid(), let count = values[1] else { return nil }
        guard let count = number(count), count <= mostSockets else {
            throw SocketError(.inherit, subject: "LISTEN_FDS=\(count)", reason: "it is not a number from 0 to 1024")
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
            // Close-on-exec: a child process must not keep the predecessor waiting.
            if let errno = SystemResult(rawValue: creactor_adopt(pipe)).errno {
                throw SocketError(.inherit, subject: "REACTOR_READY_FD=\(pipe)", errno: errno)
            }
            readyPipe = FileDescriptor(rawValue: pipe)
            try assignRoles(values[4], to: &sockets)
        }
        return Inheritance(sockets: sockets, readyPipe: readyPipe)
    }

    /// Returns the inherited sockets of one kind, and closes the others, which the server cannot use.
    ///
    /// - Parameters:
    ///   - kind: the kind of sockets that the server uses.
    ///   - refused: called for each closed socket, with an error that names it.
    /// - Throws: ``SocketError`` for the first socket if sockets were inherited and all are of another kind.
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

    /// Assigns the role of each socket. A predecessor that names no roles served clients on all of them.
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

    /// Reports to a waiting predecessor that this process is serving.
    func announceReady() {
        guard let readyPipe else { return }
        let ready: [UInt8] = [0]
        // An error means that the predecessor has gone already. Safe: a byte has no padding.
        _ = unsafe LinuxKernel.shared.writeWithoutSignal(readyPipe, ready.span.bytes)
        _ = creactor_close(readyPipe.rawValue)
    }

    private static func environment(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// Parses a number of ASCII digits only.
    private static func number(_ text: String) -> CInt? {
        let digits = text.utf8
        return digits.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? CInt(text) : nil
    }
}
