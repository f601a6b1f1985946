// The trace of adopting descriptors.

package import SystemPackage

extension TracingKernel {
    /// fstat(2) and the like, with the kind of file.
    package func describe(_ descriptor: FileDescriptor, _ status: inout DescriptorStatus) -> SystemResult {
        let result = base.describe(descriptor, &status)
        return note("fstat(\(descriptor.rawValue))", result, result.succeeded ? "\(status.kind)" : "")
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
