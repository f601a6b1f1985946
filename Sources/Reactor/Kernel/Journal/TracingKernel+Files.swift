// The trace of sending files, of unacknowledged bytes and of pending signals.

package import SystemPackage

extension TracingKernel {
    /// sendfile(2).
    package func sendFile(to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int)
        -> SystemResult
    {
        note(
            "sendfile(\(socket.rawValue), from \(file.rawValue) at \(offset), \(count) bytes)",
            base.sendFile(to: socket, from: file, at: offset, count: count))
    }

    /// ioctl(2) with `SIOCOUTQ`.
    package func unacknowledged(of socket: FileDescriptor) -> SystemResult {
        note("ioctl(\(socket.rawValue), SIOCOUTQ)", base.unacknowledged(of: socket))
    }

    /// sigtimedwait(2), without waiting.
    package func takePending(_ signal: Signal) -> SystemResult {
        note("sigtimedwait(\(signal))", base.takePending(signal))
    }
}
