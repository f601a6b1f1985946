// The calls that send files, told as the others are.

public import SystemPackage

extension TracingKernel {
    /// sendfile(2).
    package func sendFile(to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int)
        -> SystemResult
    {
        note(
            "sendfile(\(socket.rawValue), from \(file.rawValue) at \(offset), \(count) bytes)",
            base.sendFile(to: socket, from: file, at: offset, count: count))
    }

    /// sigtimedwait(2), without waiting.
    package func takePending(_ signal: Signal) -> SystemResult {
        note("sigtimedwait(\(signal))", base.takePending(signal))
    }
}
