// The errno table: what each error number means to an event loop. All error handling consults this one table, so that
// no two places disagree.

package import SystemPackage

/// The meaning of an error number for a server, and thereby the reaction to it.
package struct FaultClass: Sendable, Hashable, CustomStringConvertible {
    private enum Kind { case retry, wouldBlock, peer, resources, refused, bug }
    private let kind: Kind

    /// Interrupted before any work was done: call again at once.
    package static let retry = FaultClass(kind: .retry)
    /// The operation would block: wait for readiness.
    package static let wouldBlock = FaultClass(kind: .wouldBlock)
    /// Caused by the peer or the network: this connection is over, others are unaffected.
    package static let peer = FaultClass(kind: .peer)
    /// Out of descriptors, memory or buffers: back off and retry later.
    package static let resources = FaultClass(kind: .resources)
    /// Refused by the system, as for an address in use or a missing permission: the user has to change something.
    package static let refused = FaultClass(kind: .refused)
    /// An error that no correct program causes: a bug in the framework or in its caller.
    package static let bug = FaultClass(kind: .bug)

    /// The name of the class.
    package var description: String { "\(kind)" }
}

extension Errno {
    /// The meaning of this error number for a server.
    ///
    /// The classes follow the man pages of accept4(2), recv(2), send(2), connect(2), bind(2) and epoll_ctl(2);
    /// accept(2) reports pending network errors of the new socket; a server treats them as a connection that has gone.
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

    /// `ENONET`, which swift-system does not define: the machine is not on the network.
    static var nonetworkErrno: Errno { Errno(rawValue: 64) }
}
