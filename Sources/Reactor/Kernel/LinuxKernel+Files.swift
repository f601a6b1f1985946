// Sending files on Linux, and consuming the SIGPIPE that sendfile(2) may raise.

import CReactor
package import SystemPackage

extension LinuxKernel {
    /// sendfile(2).
    package func sendFile(to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int)
        -> SystemResult
    {
        SystemResult(rawValue: creactor_sendfile(socket.rawValue, file.rawValue, offset, count))
    }

    /// sigtimedwait(2), without waiting.
    package func takePending(_ signal: Signal) -> SystemResult {
        SystemResult(rawValue: creactor_take_pending_signal(signal.rawValue))
    }
}
