// sendfile(2) has no MSG_NOSIGNAL: a peer that has gone would raise SIGPIPE, which ends the process. From the first file on
// the loop's thread blocks it; one that was raised is taken back at once; and when the loop ends, the thread is as it was.

import SystemPackage

extension EventLoop {
    /// Sees to it that this thread takes no `SIGPIPE`.
    func blockBrokenPipe() {
        if brokenPipeWasBlocked == nil {
            brokenPipeWasBlocked = kernel.setBlocked(.brokenPipe, true).rawValue == 1
        }
    }

    /// The loop ends: the signal has its former effect again.
    func unblockBrokenPipe() {
        if brokenPipeWasBlocked == false { _ = kernel.setBlocked(.brokenPipe, false) }
        brokenPipeWasBlocked = nil
    }

    /// Sends from a file.
    func sendFile(to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int) -> SystemResult {
        let result = kernel.sendFile(to: socket, from: file, at: offset, count: count)
        if result.errno == .brokenPipe { _ = kernel.takePending(.brokenPipe) }
        return result
    }
}
