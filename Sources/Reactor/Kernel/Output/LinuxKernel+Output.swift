// write(2) to descriptors that may be pipes, without raising SIGPIPE when the reader has gone.

import CReactor
package import SystemPackage

extension LinuxKernel {
    /// Writes bytes without raising `SIGPIPE`: a pipe or socket whose reader has gone only returns `EPIPE`.
    ///
    /// The signal is blocked in the calling thread for the duration of the call, and a pending one is consumed. It is
    /// not ignored for the whole process, because child processes would inherit that.
    package func writeWithoutSignal(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        let wasBlocked = setBlocked(.brokenPipe, true).rawValue == 1
        let result = write(descriptor, bytes)
        if result.errno == .brokenPipe { _ = takePending(.brokenPipe) }
        if !wasBlocked { _ = setBlocked(.brokenPipe, false) }
        return result
    }

    /// Writes all bytes without raising `SIGPIPE`, and blocks while the descriptor is full.
    ///
    /// Use it for output whose loss a program has to notice; never on a loop's thread.
    /// - Throws: `EPIPE`, `ENOSPC` or another error that left a part unwritten.
    package func writeAll(_ bytes: Span<UInt8>, to descriptor: FileDescriptor) throws(Errno) {
        var offset = 0
        while offset < bytes.count {
            // Safe: bytes have no padding.
            let result = unsafe writeWithoutSignal(descriptor, bytes.extracting(offset...).bytes)
            if result.succeeded {
                offset += result.rawValue
            } else if result.wouldBlock {
                waitForRoom(descriptor)
            } else if let errno = result.errno, !result.wasInterrupted {
                throw errno
            }
        }
    }

    /// Blocks until a non-blocking descriptor is writable or has an error. Another process that shares the descriptor
    /// may have made it non-blocking.
    func waitForRoom(_ descriptor: FileDescriptor) {
        let pollOut: Int16 = 4
        var entries = [PollEntry(descriptor: descriptor.rawValue, events: pollOut)]
        var span = entries.mutableSpan
        _ = poll(&span, timeout: .forever)
    }
}
