// The errno table: what each error number means to an event loop. Everything that decides what to do about a failed
// call asks here, so that no two places can disagree.

public import SystemPackage

/// What an error number means for a server, and so what is to be done.
package struct FaultClass: Sendable, Hashable, CustomStringConvertible {
    private enum Kind { case retry, wouldBlock, peer, resources, refused, bug }
    private let kind: Kind

    /// Interrupted before anything happened: call again at once.
    package static let retry = FaultClass(kind: .retry)
    /// Not now: wait for readiness.
    package static let wouldBlock = FaultClass(kind: .wouldBlock)
    /// The peer or the network did it: this connection is over, the others are not concerned.
    package static let peer = FaultClass(kind: .peer)
    /// Out of descriptors, memory or buffers: back off and try later.
    package static let resources = FaultClass(kind: .resources)
    /// The system says no: an address in use, a missing permission. The user has to change something.
    package static let refused = FaultClass(kind: .refused)
    /// No correct program sees this: a fault of the framework or of its caller.
    package static let bug = FaultClass(kind: .bug)

    /// The name of the class.
    package var description: String { "\(kind)" }
}

extension Errno {
    /// What this error number means for a server.
    ///
    /// The classes follow the man pages of accept4(2), recv(2), send(2), connect(2), bind(2) and epoll_ctl(2); accept(2)
    /// tells servers to treat pending network errors of the new socket like a connection that went away.
    package var faultClass: FaultClass {
        switch self {
        case .interrupted:
            .retry
        case .resourceTemporarilyUnavailable, .nowInProgress, .alreadyInProcess:
            .wouldBlock
        case .connectionReset, .brokenPipe, .connectionAbort, .connectionRefused, .timedOut, .hostIsDown,
            .noRouteToHost,
            .networkUnreachable, .networkDown, .networkReset, .protocolError, .socketShutdown, .socketNotConnected,
            .protocolNotAvailable, .notSupportedOnSocket, .nonetworkErrno, .notPermitted:
            .peer
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noBufferSpace, .noMemory, .noSpace:
            .resources
        case .addressInUse, .addressNotAvailable, .permissionDenied, .addressFamilyNotSupported, .fileExists,
            .noSuchFileOrDirectory, .readOnlyFileSystem, .protocolNotSupported:
            .refused
        default:
            .bug
        }
    }

    /// `ENONET`, which swift-system does not name: the machine is not on the network.
    static var nonetworkErrno: Errno { Errno(rawValue: 64) }
}
