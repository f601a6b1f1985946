// Descriptors that a program adopts: socket pairs, and streams that are not sockets, such as a pseudoterminal, on which
// recv(2), send(2) and shutdown(2) fail with ENOTSOCK.

package import Reactor
public import SystemPackage

extension SimulatedKernel {
    /// Opens two connected streams, as socketpair(2) does. The caller owns both descriptors.
    ///
    /// - Parameter areTerminals: whether they are no sockets, like the two ends of a pseudoterminal. Default: `false`.
    public func streamPair(areTerminals: Bool = false) -> (FileDescriptor, FileDescriptor) {
        let (first, second) = (newSocket(), newSocket())
        for socket in [first, second] {
            socket.local = .unnamedUnix
            socket.peer = .unnamedUnix
            socket.isTerminal = areTerminals
        }
        first.outgoing = SimulatedPipe(self, from: first, to: second, notBefore: clock.now)
        second.outgoing = SimulatedPipe(self, from: second, to: first, notBefore: clock.now)
        (first.incoming, second.incoming) = (second.outgoing, first.outgoing)
        (first.phase, second.phase) = (.connected, .connected)
        let ends = (open(first), open(second))
        precondition(ends.0.succeeded && ends.1.succeeded, "no descriptor is left for the pair")
        return (ends.0.descriptor, ends.1.descriptor)
    }

    /// Fails: simulated sockets do not pass descriptors.
    package func send(_ socket: FileDescriptor, _ bytes: RawSpan, passing descriptors: [FileDescriptor])
        -> SystemResult
    { SystemResult(.notSupported) }
    /// recv(2): no descriptors come.
    package func receive(
        _ socket: FileDescriptor, into buffer: consuming MutableRawSpan, _ passed: inout PassedDescriptors
    ) -> SystemResult { receive(socket, into: buffer) }

    /// fstat(2) and the like.
    package func describe(_ descriptor: FileDescriptor, _ status: inout DescriptorStatus) -> SystemResult {
        guard let file = file(descriptor.rawValue) else { return SystemResult(.badFileDescriptor) }
        let kind: DescriptorStatus.Kind =
            switch file {
            case let socket as SimulatedSocket where socket.isTerminal: .characterDevice
            case let socket as SimulatedSocket: socket.phase == .listening ? .listener : .stream
            case is SimulatedDatagramSocket: .otherSocket
            case is RegularFile, is SimulatedRegularFile: .regularFile
            case is NullFile: .characterDevice
            default: .other
            }
        status = DescriptorStatus(kind: kind, flags: 2)  // O_RDWR
        return SystemResult(0)
    }

    /// Succeeds: every descriptor is non-blocking.
    package func setStatusFlags(_ flags: CInt, of descriptor: FileDescriptor) -> SystemResult { SystemResult(0) }
    /// Succeeds: no program is executed.
    package func setCloseOnExec(_ descriptor: FileDescriptor) -> SystemResult { SystemResult(0) }
}
