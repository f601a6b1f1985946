// Descriptors that travel over a Unix socket (SCM_RIGHTS in unix(7)).

import CReactor
package import SystemPackage

/// The descriptors that one receive brought; the receiver has to close them.
package struct PassedDescriptors {
    /// The maximum that Linux passes with one message (`SCM_MAX_FD`).
    package static let most = Int(creactor_most_descriptors)

    /// The maximum number to receive.
    package let limit: Int
    /// The received descriptors.
    package var descriptors: [FileDescriptor] = []
    /// Whether more were sent than there was room for (`MSG_CTRUNC`).
    package var isTruncated = false

    /// Creates an empty list.
    package init(limit: Int) { self.limit = min(max(1, limit), Self.most) }
}

extension LinuxKernel {
    /// sendmsg(2).
    package func send(_ socket: FileDescriptor, _ bytes: RawSpan, passing descriptors: [FileDescriptor])
        -> SystemResult
    {
        let numbers = descriptors.map(\.rawValue)
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe SystemResult(
                rawValue: creactor_send_descriptors(
                    socket.rawValue, bytes.baseAddress, bytes.count, numbers, CInt(clamping: numbers.count)))
        }
    }

    /// recvmsg(2).
    package func receive(
        _ socket: FileDescriptor, into buffer: consuming MutableRawSpan, _ passed: inout PassedDescriptors
    ) -> SystemResult {
        var numbers = [CInt](repeating: -1, count: passed.limit)
        var (found, isTruncated): (CInt, CInt) = (0, 0)
        let result = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe SystemResult(
                rawValue: creactor_receive_descriptors(
                    socket.rawValue, bytes.baseAddress, bytes.count, &numbers, CInt(numbers.count), &found,
                    &isTruncated))
        }
        passed.descriptors = numbers.prefix(Int(found)).map { FileDescriptor(rawValue: $0) }
        passed.isTruncated = isTruncated != 0
        return result
    }
}
