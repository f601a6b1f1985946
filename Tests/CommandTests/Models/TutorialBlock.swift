// The blocks of commands in a tutorial, and how each becomes a script that a test can run beside others.
//
//     ```console
//     $ reactor models --model fork &          a server: the script waits until it listens
//     $ printf 'hello\n' | nc -N 127.0.0.1 7788
//     hello                                    a line without a digit must come out; one with a digit is a measurement
//     ```

import FoundationEssentials

/// Commands of a tutorial that belong together, as a reader types them into one terminal.
struct TutorialBlock: Sendable, CustomStringConvertible {
    /// Which block it is.
    let index: Int
    /// Where it begins.
    let line: Int
    let commands: [String]
    /// Lines that have to come out, whatever the machine.
    let expected: [String]

    var description: String { "line \(line): \(commands.first ?? "")" }

    /// Programs that are not everywhere.
    private static let foreignPrograms = ["nc", "strace", "ps", "ss"]

    /// The blocks in a Markdown text.
    static func all(in text: String) -> [TutorialBlock] {
        var blocks: [TutorialBlock] = []
        var current: (line: Int, commands: [String], expected: [String])?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if let block = current {
                if line == "```" {
                    blocks.append(
                        TutorialBlock(
                            index: blocks.count, line: block.line, commands: block.commands, expected: block.expected))
                    current = nil
                } else if line.hasPrefix("$ ") {
                    current?.commands.append(String(line.dropFirst(2)))
                } else if !line.isEmpty, line != "...", !line.contains(where: \.isNumber) {
                    current?.expected.append(String(line))
                }
            } else if line == "```console" {
                current = (index + 1, [], [])
            }
        }
        return blocks
    }

    /// The foreign programs that its commands call.
    var programs: [String] {
        Self.foreignPrograms.filter { program in
            commands.contains { command in
                command.split(whereSeparator: { " |;&(".contains($0) }).contains { $0 == program }
            }
        }
    }

    /// The commands as a bash script: servers have an address of their own, measurements are short.
    ///
    /// - Parameters:
    ///   - folder: where `reactor` is.
    ///   - host: a loopback address that no other test uses; all ports are free there.
    func script(folder: String, host: String) -> String {
        var lines = [
            "export PATH=\(folder):$PATH", "work=$(mktemp -d)", "cd \"$work\"",
            "trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf \"$work\"' EXIT",
        ]
        for (number, command) in commands.enumerated() {
            let command = shortened(command).replacingOccurrences(of: "127.0.0.1", with: host)
            guard command.hasSuffix(" &") || command.hasSuffix("done") else {
                lines.append("{ \(command)\n} || { echo \"failed with $?: \"\(quoted(command)) >&2; exit 1; }")
                continue
            }
            if isServer(command) {
                let words = command.dropLast(2) + (command.contains("--listen") ? "" : " --listen \(host):7788")
                lines.append("\(words) > listening.\(number) &")
                lines.append(
                    "for try in $(seq 3000); do grep -qs listening listening.\(number) && break; sleep 0.02; done")
                lines.append("grep -qs listening listening.\(number) || { echo 'does not listen' >&2; exit 1; }")
            } else {
                // A client that stays: the reader takes longer than this for the next line.
                lines.append(command)
                lines.append("sleep 1")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func isServer(_ command: String) -> Bool {
        command.hasPrefix("reactor ") && !command.hasPrefix("reactor load")
    }

    /// What takes long for a good figure takes no time for a test.
    private func shortened(_ command: String) -> String {
        var words = command.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        for index in words.indices.dropLast() {
            switch words[index] {
            case "--duration": words[index + 1] = "50ms"
            // select ends at 1,024: that many there have to be.
            case "--connections" where words[index + 1] == "10000": words[index + 1] = "300"
            case "--scenarios": words[index + 1] = "2,2+100"
            default: continue
            }
        }
        if command.hasPrefix("reactor models compare") {
            if !command.contains("--quick") { words.append("--quick") }
            words += ["--models", "iterative,epoll-lt", "--duration", "20ms", "--held", "20"]
        }
        return words.joined(separator: " ")
    }

    private func quoted(_ text: String) -> String { "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'" }
}
