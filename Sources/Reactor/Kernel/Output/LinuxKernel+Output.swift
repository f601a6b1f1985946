// write(2) to descriptors that may be pipes, without the signal that a pipe without a reader raises.

import CReactor
package import SystemPackage

extension LinuxKernel {
    /// write(2) that never raises `SIGPIPE`: a pipe or socket whose reader has gone returns `EPIPE` and nothing else
    /// happens.
    ///
    /// The signal is blocked in the calling thread for the duration of the call, and a pending one is consumed. It is not
    /// ignored for the whole process, because child processes would inherit that.
    package func writeWithoutSignal(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        let wasBlocked = setBlocked(.brokenPipe, true).rawValue == 1
        let result = write(descriptor, bytes)
        if result.errno == .brokenPipe { _ = takePending(.brokenPipe) }
        if !wasBlocked { _ = setBlocked(.brokenPipe, false) }
        return result
    }

    /// Writes all bytes, without `SIGPIPE`, and waits where the descriptor has no room.
    ///
    /// For programs that have to know whether their output was written; not for a loop's thread.
    /// - Throws: `EPIPE`, `ENOSPC` or another reason why the rest was not written.
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

    /// Blocks until a descriptor that another process has made non-blocking takes bytes again, or fails.
    func waitForRoom(_ descriptor: FileDescriptor) {
        let pollOut: Int16 = 4
        var entries = [PollEntry(descriptor: descriptor.rawValue, events: pollOut)]
        var span = entries.mutableSpan
        _ = poll(&span, timeout: .forever)
    }
}

extension Errno {
    /// The error in words, with the name of its number where output commonly fails with it.
    package var outputWords: String {
        let names: [Errno: String] = [
            .noSpace: "ENOSPC", .brokenPipe: "EPIPE", .ioError: "EIO", .badFileDescriptor: "EBADF",
            .fileTooLarge: "EFBIG", .diskQuotaExceeded: "EDQUOT", .permissionDenied: "EACCES",
        ]
        return description + (names[self].map { " (\($0))" } ?? "")
    }
}
