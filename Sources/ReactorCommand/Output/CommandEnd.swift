// How every command ends: its final message and its exit status.

import ArgumentParser
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

enum CommandEnd {
    /// Prints the final message and exits with the status of ``status(after:)``.
    static func leave(after error: (any Error)?) -> Never { exit(status(after: error)) }

    /// Prints the final message, waits up to a second for a server's pending log lines, and returns the exit status.
    ///
    /// - Parameter error: what the command threw, requests for help and version included; `nil` on success.
    static func status(after error: (any Error)?) -> CInt {
        var (status, message) = (CInt(0), "")
        if let error {
            status = ReactorCommand.exitCode(for: error).rawValue
            // ArgumentParser throws requests for help and version as errors with status 0.
            if status == 0 {
                let text = ReactorCommand.fullMessage(for: error)
                if !text.isEmpty { StandardOutput.print(text) }
            } else {
                message = words(of: error)
            }
        }
        // A failed write to standard output takes precedence over any failure that it caused.
        if let errno = StandardOutput.failure {
            status = 1
            message = errno == .brokenPipe ? "" : "cannot write to standard output: \(errno.namedDescription)"
        }
        if !message.isEmpty {
            if ServerLog.isInUse { ServerLog.report(message) } else { StandardError.write("reactor: \(message)\n") }
        }
        ServerLog.finish()
        return status
    }

    private static func words(of error: any Error) -> String {
        let message = ReactorCommand.message(for: error)
        // ArgumentParser's own messages say what is wrong, but not where to look for help.
        let isParsers = ["Unknown", "Unexpected", "Missing"].contains { message.hasPrefix($0) }
        return Secrets.redacted(message) + (isParsers ? "; see 'reactor --help' and 'reactor COMMAND --help'" : "")
    }
}
