// The trace of adopting descriptors.

package import SystemPackage

extension TracingKernel {
    /// fstat(2) and the like, with the kind of file.
    package func describe(_ descriptor: FileDescriptor, _ status: inout DescriptorStatus) -> SystemResult {
        let result = base.describe(descriptor, &status)
        return note("fstat(\(descriptor.rawValue))", result, result.succeeded ? "\(status.kind)" : "")
    }

    /// sendmsg(2) with descriptors.
    package func send(_ socket: FileDescriptor, _ bytes: RawSpan, passing descriptors: [FileDescriptor])
        -> SystemResult
    {
        note(
            "sendmsg(\(socket.rawValue), \(bytes.byteCount) bytes, descriptors \(descriptors.map(\.rawValue)))",
            base.send(socket, bytes, passing: descriptors))
    }

    /// recvmsg(2) with descriptors.
    package func receive(
        _ socket: FileDescriptor, into buffer: consuming MutableRawSpan, _ passed: inout PassedDescriptors
    ) -> SystemResult {
        let result = base.receive(socket, into: buffer, &passed)
        let numbers = passed.descriptors.map(\.rawValue)
        return note("recvmsg(\(socket.rawValue))", result, numbers.isEmpty ? "" : "descriptors \(numbers)")
    }

    /// fcntl(2) with `F_SETFL`.
    package func setStatusFlags(_ flags: CInt, of descriptor: FileDescriptor) -> SystemResult {
        note(
            "fcntl(\(descriptor.rawValue), F_SETFL, 0x\(String(flags, radix: 16)))",
            base.setStatusFlags(flags, of: descriptor))
    }

    /// fcntl(2) with `F_SETFD`.
    package func setCloseOnExec(_ descriptor: FileDescriptor) -> SystemResult {
        note("fcntl(\(descriptor.rawValue), F_SETFD, FD_CLOEXEC)", base.setCloseOnExec(descriptor))
    }
}
