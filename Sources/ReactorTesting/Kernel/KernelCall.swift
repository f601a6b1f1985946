// The system calls by name, and the errors that their man pages list: the work list of the torture tests.

public import SystemPackage

/// A system call that the framework makes; ``SimulatedKernel`` and ``FaultyKernel`` can make it fail.
public enum KernelCall: UInt8, Sendable, Hashable, CaseIterable {
    /// epoll_create1(2).
    case epollCreate
    /// epoll_ctl(2).
    case epollControl
    /// epoll_pwait2(2), ppoll(2) or pselect6(2).
    case wait
    /// socket(2).
    case socket
    /// bind(2).
    case bind
    /// listen(2).
    case listen
    /// accept4(2).
    case accept
    /// connect(2).
    case connect
    /// getsockname(2).
    case localAddress
    /// getpeername(2).
    case peerAddress
    /// setsockopt(2).
    case setOption
    /// setsockopt(2) with `SO_LINGER`.
    case setResetOnClose
    /// getsockopt(2) with `SO_ERROR`.
    case pendingError
    /// getsockopt(2) with `SO_PEERCRED`.
    case peerCredentials
    /// lstat(2).
    case pathStatus
    /// unlink(2).
    case unlink
    /// chmod(2) or fchmod(2).
    case setPermissions
    /// open(2) and flock(2) of a directory.
    case lockDirectory
    /// recv(2).
    case receive
    /// recv(2) with `MSG_PEEK`.
    case peek
    /// send(2).
    case send
    /// shutdown(2).
    case shutdown
    /// close(2).
    case close
    /// read(2).
    case read
    /// write(2).
    case write
    /// open(2) of the reserve descriptor.
    case reserve
    /// eventfd(2).
    case eventDescriptor
    /// read(2) of an eventfd.
    case clearNotifications
    /// signalfd(2).
    case signalDescriptor
    /// read(2) of a signalfd.
    case readSignal
    /// recvmmsg(2).
    case receiveDatagrams
    /// sendmmsg(2).
    case sendDatagrams
    /// setsockopt(2) with `IP_ADD_MEMBERSHIP`, `IP_MULTICAST_IF` and the like.
    case setMulticast
    /// sendfile(2).
    case sendFile
    /// ioctl(2) with `SIOCOUTQ`.
    case unacknowledged

    /// The errors listed in the call's man page that can occur without a mistake by the caller.
    public var possibleErrors: [Errno] {
        switch self {
        case .epollCreate: [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory]
        case .epollControl: [.noMemory, .noSpace]
        case .wait: [.interrupted, .noMemory]
        case .socket:
            [
                .permissionDenied, .addressFamilyNotSupported, .tooManyOpenFiles, .tooManyOpenFilesInSystem,
                .noBufferSpace, .noMemory,
            ]
        case .bind: [.permissionDenied, .addressInUse, .addressNotAvailable, .noMemory]
        case .listen: [.addressInUse]
        case .accept:
            [
                .resourceTemporarilyUnavailable, .connectionAbort, .interrupted, .tooManyOpenFiles,
                .tooManyOpenFilesInSystem, .noBufferSpace, .noMemory, .protocolError, .notPermitted, .networkDown,
                .protocolNotAvailable, .hostIsDown, .noRouteToHost, .networkUnreachable,
            ]
        case .connect:
            [
                .permissionDenied, .notPermitted, .addressInUse, .addressNotAvailable, .resourceTemporarilyUnavailable,
                .connectionRefused, .interrupted, .networkUnreachable, .timedOut,
            ]
        case .localAddress: [.noBufferSpace]
        case .peerAddress: [.noBufferSpace, .socketNotConnected]
        case .setOption, .setResetOnClose: [.noMemory, .noBufferSpace]
        case .pendingError: [.noMemory]
        case .peerCredentials: [.noMemory]
        case .pathStatus: [.permissionDenied, .noMemory, .noSuchFileOrDirectory]
        case .unlink: [.permissionDenied, .resourceBusy, .ioError, .noMemory, .readOnlyFileSystem]
        case .setPermissions: [.notPermitted, .ioError, .noMemory, .readOnlyFileSystem]
        case .lockDirectory:
            [
                .resourceTemporarilyUnavailable, .permissionDenied, .tooManyOpenFiles, .tooManyOpenFilesInSystem,
                .noMemory,
            ]
        case .receive, .peek:
            [
                .resourceTemporarilyUnavailable, .connectionReset, .interrupted, .noMemory, .timedOut,
                .noRouteToHost,
            ]
        case .send:
            [
                .resourceTemporarilyUnavailable, .connectionReset, .brokenPipe, .interrupted, .noBufferSpace, .noMemory,
                .timedOut, .noRouteToHost,
            ]
        case .sendFile:
            [
                .resourceTemporarilyUnavailable, .connectionReset, .brokenPipe, .interrupted, .noBufferSpace, .noMemory,
                .ioError, .timedOut,
            ]
        case .shutdown: [.socketNotConnected]
        case .unacknowledged: [.noMemory]
        case .close: [.interrupted, .ioError]
        case .read: [.resourceTemporarilyUnavailable, .interrupted, .ioError]
        case .write: [.resourceTemporarilyUnavailable, .interrupted, .ioError, .brokenPipe]
        case .reserve: [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .interrupted]
        case .eventDescriptor, .signalDescriptor: [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory]
        case .clearNotifications, .readSignal: [.resourceTemporarilyUnavailable, .interrupted]
        case .receiveDatagrams:
            [.resourceTemporarilyUnavailable, .interrupted, .noMemory, .connectionRefused, .noRouteToHost]
        case .sendDatagrams:
            [
                .resourceTemporarilyUnavailable, .interrupted, .noMemory, .noBufferSpace, .connectionRefused,
                .messageTooLong, .permissionDenied, .notPermitted, .noRouteToHost, .networkUnreachable,
            ]
        case .setMulticast:
            [.noMemory, .noBufferSpace, .addressInUse, .addressNotAvailable, .operationNotSupportedByDevice]
        }
    }
}
