// The end of every command: its last words, and its exit status.

import ArgumentParser
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

enum CommandEnd {
    /// Ends the process, after its last words.
    static func leave(after error: (any Error)?) -> Never { exit(status(after: error)) }

    /// Writes what is to be said about the end, waits for what a server still writes, and returns the exit status.
    ///
    /// - Parameter error: what the command threw, help and version included; `nil` when it is done.
    static func status(after error: (any Error)?) -> CInt {
        var (status, message) = (CInt(0), "")
        if let error {
            status = ReactorCommand.exitCode(for: error).rawValue
            // Help and version are errors to ArgumentParser, and successes.
            if status == 0 {
                let text = ReactorCommand.fullMessage(for: error)
                if !text.isEmpty { StandardOutput.print(text) }
            } else {
                message = words(of: error)
            }
        }
        // Output that was not written outweighs what the command made of that.
        if let errno = StandardOutput.failure {
            status = 1
            message = errno == .brokenPipe ? "" : "cannot write to standard output: \(errno.outputWords)"
        }
        if !message.isEmpty {
            if ServerLog.isInUse { ServerLog.report(message) } else { StandardError.write("reactor: \(message)\n") }
        }
        ServerLog.finish()
        return status
    }

    private static func words(of error: any Error) -> String {
        let message = ReactorCommand.message(for: error)
        // The parser's own words say what is wrong, but not where to read on.
        let isParsers = ["Unknown", "Unexpected", "Missing"].contains { message.hasPrefix($0) }
        return Secrets.redacted(message) + (isParsers ? "; see 'reactor --help' and 'reactor COMMAND --help'" : "")
    }
}
