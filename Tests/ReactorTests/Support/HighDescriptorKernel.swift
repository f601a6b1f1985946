// A kernel whose sockets have high numbers: beyond what select can watch, or beyond what parallel tests use.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage

/// Linux with a lowest number for new sockets.
final class HighDescriptorKernel: ForwardingKernel {
    let base: any SystemCalls = LinuxKernel.shared
    /// New sockets get numbers from here on; 0 leaves them alone.
    var lowestDescriptor: CInt

    init(lowestDescriptor: CInt = 0) { self.lowestDescriptor = lowestDescriptor }

    private func raised(_ result: SystemResult) -> SystemResult {
        guard result.succeeded, lowestDescriptor > 0 else { return result }
        let high = fcntl(result.descriptor.rawValue, F_DUPFD_CLOEXEC, lowestDescriptor)
        _ = base.close(result.descriptor)
        return SystemResult(rawValue: high < 0 ? -Int(errno) : Int(high))
    }

    func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult {
        raised(base.socket(kind, for: address))
    }

    func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult {
        raised(base.accept(listener, peer: &peer))
    }
}
