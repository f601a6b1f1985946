// `reactor files open`: a session. Lines of standard input are commands, which run one after another.

#if FileTransfer
    import ArgumentParser
    import FileTransfer
    import Reactor

    struct FilesOpenCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "open", abstract: "Open a session with a server: list, get, put, say, quit.",
            discussion: """
                Try it with:  reactor files open 127.0.0.1:7790
                Commands are read from the terminal or a pipe, one per line:
                  list [DIR]           lists a directory
                  get NAME [LOCAL]     gets a file, and resumes an interrupted download
                  put LOCAL [NAME]     puts a file, if the server accepts files
                  say TEXT             sends a plain message, which the server returns
                  quit
                Put a name with spaces in double quotes. The exit status is 1 if a command from a pipe failed.
                """)

        @OptionGroup var server: FilesAddress

        func run() throws {
            var failed = 0
            try FilesClient.run(server) { client in
                let session = FilesSession(client) { failed += 1 }
                session.begin()
            }
            if failed > 0 && !Terminal.isInput {
                throw CommandFailure(failed == 1 ? "one command failed" : "\(failed) commands failed")
            }
        }
    }

    /// A session that runs the commands of standard input one after another.
    final class FilesSession {
        private static let longestLine = 16 * 1024
        private let client: FilesClient
        private let work: FilesWork
        private let failed: () -> Void
        private var input: InputWatch?
        private var lines: [String] = []
        private var rest: [UInt8] = []
        private var isBusy = false
        private var hasEnded = false

        init(_ client: FilesClient, failed: @escaping () -> Void) {
            self.client = client
            self.failed = failed
            work = FilesWork(client: client) {
                StandardOutput.print($0)
            }
        }

        func begin() {
            do throws(SocketError) {
                input = try InputWatch(
                    on: client.loop, received: { [self] in take($0) },
                    ended: { [self] in
                        hasEnded = true
                        if !rest.isEmpty { lines.append(String(decoding: rest, as: UTF8.self)) }
                        next()
                    })
            } catch {
                return client.leave(TransferError(.failed, "\(error)"))
            }
            prompt()
        }

        private func take(_ bytes: [UInt8]) {
            for byte in bytes {
                if byte == UInt8(ascii: "\n") || rest.count >= Self.longestLine {
                    lines.append(String(decoding: rest, as: UTF8.self))
                    rest = []
                } else if byte != UInt8(ascii: "\r") {
                    rest.append(byte)
                }
            }
            next()
        }

        private func prompt() {
            guard Terminal.isInput, Terminal.isOutput else { return }
            StandardOutput.print("> ", terminator: "")
        }

        /// Runs the next command once the previous one is done.
        private func next() {
            while !isBusy {
                input?.isPaused = lines.count > 16
                guard !lines.isEmpty else {
                    if hasEnded { leave() }
                    return
                }
                isBusy = true
                perform(lines.removeFirst())
            }
        }

        private func leave() {
            input = nil
            client.leave()
        }

        private func done(_ error: TransferError? = nil) {
            isBusy = false
            if let error {
                failed()
                StandardError.write("\(error)\n")
                // After these errors the connection is unusable.
                if error.code == .interrupted || error.code == .malformed { return client.leave(error) }
            }
            prompt()
            client.loop.execute { [self] in next() }
        }

        private func perform(_ line: String) {
            let words = Self.words(line)
            switch (words.first ?? "", words.dropFirst().count) {
            case ("", 0): done()
            case ("list", 0...1), ("ls", 0...1):
                work.list(words.count > 1 ? words[1] : "") { [self] outcome in
                    if case .success(let entries) = outcome {
                        for line in FilesWork.lines(entries) { work.show(line) }
                    }
                    done(outcome.failure)
                }
            case ("get", 1...2):
                let local = words.count > 2 ? words[2] : words[1].split(separator: "/").last.map(String.init) ?? ""
                work.get(words[1], to: local, replaces: false) { [self] in done($0.failure) }
            case ("put", 1...2):
                let name = words.count > 2 ? words[2] : words[1].split(separator: "/").last.map(String.init) ?? ""
                work.put(words[1], as: name, replaces: false) { [self] in done($0.failure) }
            case ("say", 1...):
                work.say(words.dropFirst().joined(separator: " ")) { [self] in done($0.failure) }
            case ("quit", 0), ("exit", 0), ("bye", 0): leave()
            default:
                done(
                    TransferError(
                        .badRequest, "commands: list [DIR], get NAME [LOCAL], put LOCAL [NAME], say TEXT, quit"))
            }
        }

        /// Splits a line into words; text in double quotes is one word.
        static func words(_ line: String) -> [String] {
            var words: [String] = []
            var word = ""
            var (isQuoted, hasWord) = (false, false)
            for character in line {
                if character == "\"" {
                    isQuoted.toggle()
                    hasWord = true
                } else if character == " " && !isQuoted || character == "\t" && !isQuoted {
                    if hasWord { words.append(word) }
                    (word, hasWord) = ("", false)
                } else {
                    word.append(character)
                    hasWord = true
                }
            }
            if hasWord { words.append(word) }
            return words
        }
    }
#endif
