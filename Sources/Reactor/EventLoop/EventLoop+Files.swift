// sendfile(2) has no MSG_NOSIGNAL: a peer that has gone would raise SIGPIPE, which ends the process. The loop's thread
// blocks the signal from the first file on and consumes it whenever it is raised; when the loop ends, the thread's mask
// is restored.

import SystemPackage

extension EventLoop {
    /// Blocks `SIGPIPE` for this thread.
    func blockBrokenPipe() {
        if brokenPipeWasBlocked == nil {
            brokenPipeWasBlocked = kernel.setBlocked(.brokenPipe, true).rawValue == 1
        }
    }

    /// Restores the thread's mask when the loop ends.
    func unblockBrokenPipe() {
        if brokenPipeWasBlocked == false { _ = kernel.setBlocked(.brokenPipe, false) }
        brokenPipeWasBlocked = nil
    }

    /// Sends from a file, and consumes the `SIGPIPE` that a broken pipe raises.
    func sendFile(to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int) -> SystemResult {
        let result = kernel.sendFile(to: socket, from: file, at: offset, count: count)
        if result.errno == .brokenPipe { _ = kernel.takePending(.brokenPipe) }
        return result
    }
}
