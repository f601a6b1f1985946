// Ownership of a descriptor. A `FileDescriptor` is only its name; this value is the duty to close it.

public import SystemPackage

/// A descriptor that someone must close, exactly once. Dropping it unclosed is a fault in the program and traps.
public struct OwnedDescriptor: ~Copyable {
    /// The descriptor's name, to be used while this value lives.
    public let name: FileDescriptor

    /// Takes over the duty to close `name`.
    public init(_ name: FileDescriptor) { self.name = name }

    /// Closes the descriptor. `close` is never retried: on Linux the descriptor is gone even when the call reports an
    /// error (close(2), "Dealing with error returns from close").
    @discardableResult
    package consuming func close(_ kernel: any SystemCalls) -> SystemResult {
        let name = name
        discard self
        return kernel.close(name)
    }

    /// Closes the descriptor.
    ///
    /// - Returns: The error that close(2) reports, or `nil`. The descriptor is closed in either case.
    @discardableResult
    public consuming func close() -> Errno? { close(LinuxKernel.shared).errno }

    /// Gives up the duty to close, for a descriptor that leaves the framework's hands.
    public consuming func release() -> FileDescriptor {
        let name = name
        discard self
        return name
    }

    deinit {
        precondition(name.rawValue < 0, "descriptor \(name.rawValue) was dropped without being closed")
    }
}
