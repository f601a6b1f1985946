// A kernel that keeps account of descriptors: whatever is made must be closed, exactly once, and nothing is used after
// it was closed. It can also run out of them, as a process does at its limit.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage

/// Linux with an account of descriptors.
final class CountingKernel: ForwardingKernel {
    let base: any SystemCalls
    /// What is open now.
    private(set) var open: Set<CInt> = []
    /// How many were made in all.
    private(set) var made = 0
    /// What went wrong, in words.
    private(set) var faults: [String] = []
    /// From this number on, making another fails with `EMFILE`.
    var limit = Int.max
    /// Makes each new descriptor known: its number.
    private(set) var accepted: [CInt] = []

    init(_ base: any SystemCalls = LinuxKernel.shared) { self.base = base }

    private func make(_ call: () -> SystemResult) -> SystemResult {
        if open.count >= limit { return SystemResult(.tooManyOpenFiles) }
        let result = call()
        guard result.succeeded else { return result }
        made += 1
        let number = result.descriptor.rawValue
        if !open.insert(number).inserted { faults.append("descriptor \(number) was closed behind the kernel's back") }
        if fcntl(number, F_GETFD) & FD_CLOEXEC == 0 { faults.append("descriptor \(number) is inherited by children") }
        return result
    }

    private func use(_ descriptor: FileDescriptor, _ call: String = #function) {
        if !open.contains(descriptor.rawValue) {
            faults.append("\(call) on descriptor \(descriptor.rawValue), not open")
        }
    }

    func epollCreate() -> SystemResult { make(base.epollCreate) }
    func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult {
        make { base.socket(kind, for: address) }
    }
    func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult {
        use(listener)
        let result = make { base.accept(listener, peer: &peer) }
        if result.succeeded { accepted.append(result.descriptor.rawValue) }
        return result
    }
    func eventDescriptor() -> SystemResult { make(base.eventDescriptor) }
    func signalDescriptor(for signals: [Signal]) -> SystemResult {
        make { base.signalDescriptor(for: signals) }
    }
    func reserveDescriptor() -> SystemResult { make(base.reserveDescriptor) }

    func close(_ descriptor: FileDescriptor) -> SystemResult {
        use(descriptor)
        open.remove(descriptor.rawValue)
        return base.close(descriptor)
    }
    func receive(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        use(socket)
        return base.receive(socket, into: buffer)
    }
    func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        use(socket)
        return base.send(socket, bytes)
    }
    func receiveDatagrams(_ socket: FileDescriptor, into inbox: DatagramInbox) -> SystemResult {
        use(socket)
        return base.receiveDatagrams(socket, into: inbox)
    }
    func sendDatagrams(_ socket: FileDescriptor, _ outbox: DatagramOutbox) -> SystemResult {
        use(socket)
        return base.sendDatagrams(socket, outbox)
    }
    func shutdownWriting(_ socket: FileDescriptor) -> SystemResult {
        use(socket)
        return base.shutdownWriting(socket)
    }
    func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        use(socket)
        return base.connect(socket, to: address)
    }
    func setResetOnClose(_ socket: FileDescriptor) -> SystemResult {
        use(socket)
        return base.setResetOnClose(socket)
    }
}
