// Ownership of a descriptor. A `FileDescriptor` is only its number; this value carries the obligation to close it.

public import SystemPackage

/// A descriptor that its owner must close exactly once.
///
/// Dropping the value without closing or releasing the descriptor is a programming error and traps.
public struct OwnedDescriptor: ~Copyable {
    /// The descriptor's number, valid while this value exists.
    public let fd: FileDescriptor

    /// Takes ownership of `fd`.
    public init(_ fd: FileDescriptor) { self.fd = fd }

    /// Closes the descriptor through a kernel. The call is never retried: on Linux the descriptor is closed even if
    /// close(2) reports an error (close(2), "Dealing with error returns from close").
    @discardableResult
    package consuming func close(_ kernel: any SystemCalls) -> SystemResult {
        let name = fd
        discard self
        return kernel.close(name)
    }

    /// Closes the descriptor.
    ///
    /// - Returns: The error that close(2) reports, or `nil`. The descriptor is closed in either case.
    @discardableResult
    public consuming func close() -> Errno? { close(LinuxKernel.shared).errno }

    /// Gives up ownership and returns the descriptor, which the caller now has to close.
    public consuming func release() -> FileDescriptor {
        let name = fd
        discard self
        return name
    }

    deinit {
        precondition(fd.rawValue < 0, "descriptor \(fd.rawValue) was dropped without being closed")
    }
}
