// What a client does for its user, whether as a command or in a session: gets, puts, lists, says. Tells the outcome in a
// line; errors are the caller's to show.

import ServedFiles

#if FileTransfer
    import Demos
    import FileTransfer
    import FoundationEssentials
    import Reactor
    import SystemPackage

    /// The works of a client.
    struct FilesWork {
        let client: FilesClient
        /// Shows a line.
        let show: (String) -> Void

        /// One line of a list.
        struct Entry: Codable {
            let name: String
            let kind: String
            let size: Int
            let modified: Int
            /// The name is not UTF-8 and is shown escaped.
            var escaped: Bool?
        }

        func get(
            _ name: String, to local: String, replaces: Bool,
            then: @escaping (Result<TransferHeader, TransferError>) -> Void
        ) {
            let local = Self.target(local, of: name)
            let path = FilePath(local)
            if !replaces, FileManager.default.fileExists(atPath: local) {
                return then(
                    .failure(TransferError(.exists, "there is a \(local) already: name another, or say --replace")))
            }
            let target: LocalTarget
            do throws(FileAccessError) { target = try LocalTarget(path) } catch {
                let reason = error.kind == .exists ? "another transfer is writing it" : "\(error)"
                return then(.failure(TransferError(TransferError(error).code, "cannot write \(local).part: \(reason)")))
            }
            let begin = client.loop.now
            var bar: ProgressBar?
            let work = Download(name, to: target, hash: SHA256Hash.self, replaces: replaces) { [client] outcome in
                bar?.end()
                if case .success(let header) = outcome {
                    show(Self.summary("got", name, header.size ?? 0, begin.duration(to: client.loop.now)))
                }
                then(outcome.mapError { Self.explain($0, name) })
            }
            bar = ProgressBar(name, on: client.loop) { [weak work] in work?.progress }
            client.begin(work)
        }

        /// Where a file goes: a directory receives it under the last part of its name.
        private static func target(_ local: String, of name: String) -> String {
            guard local.hasSuffix("/") || (try? Stat(FilePath(local)).type) == .directory else { return local }
            let last = name.split(separator: "/").last.map(String.init) ?? name
            return local.hasSuffix("/") ? local + last : "\(local)/\(last)"
        }

        func put(
            _ local: String, as name: String, replaces: Bool,
            then: @escaping (Result<TransferHeader, TransferError>) -> Void
        ) {
            let file: OpenFile
            do throws(FileAccessError) { file = try OpenFile(path: FilePath(local)) } catch {
                return then(.failure(TransferError(TransferError(error).code, "cannot read \(local): \(error)")))
            }
            let begin = client.loop.now
            var bar: ProgressBar?
            let work = Upload(file, as: name, hash: SHA256Hash.self, replaces: replaces) { [client] outcome in
                bar?.end()
                if case .success = outcome {
                    show(Self.summary("put", name, file.size, begin.duration(to: client.loop.now)))
                }
                then(outcome.mapError { Self.explain($0, name) })
            }
            bar = ProgressBar(name, on: client.loop) { [weak work] in work?.progress }
            client.begin(work)
        }

        func list(_ name: String, then: @escaping (Result<[Entry], TransferError>) -> Void) {
            client.begin(
                TransferRequest(TransferHeader(command: "list", name: name)) { outcome in
                    switch outcome {
                    case .success(let reply):
                        do {
                            then(.success(try JSONDecoder().decode([Entry].self, from: Data(reply.content))))
                        } catch {
                            then(.failure(TransferError(.malformed, "the server's list is no list")))
                        }
                    case .failure(let error): then(.failure(Self.explain(error, name.isEmpty ? "/" : name)))
                    }
                })
        }

        /// Sends a plain message, and shows the answer.
        func say(_ text: String, then: @escaping (Result<Void, TransferError>) -> Void) {
            var header = TransferHeader()
            (header.contentType, header.contentEncoding) = ("text/plain", "utf-8")
            client.begin(
                TransferRequest(header, content: Array(text.utf8)) { outcome in
                    if case .success(let reply) = outcome {
                        show(Self.printable(String(decoding: reply.content, as: UTF8.self)))
                    }
                    then(outcome.map { _ in })
                })
        }

        /// A list as lines.
        static func lines(_ entries: [Entry]) -> [String] {
            let sizes = entries.map { $0.kind == "file" ? ProgressBar.size($0.size) : $0.kind }
            let width = sizes.map(\.count).max() ?? 0
            return zip(entries, sizes).map { entry, size in
                String(repeating: " ", count: width - size.count) + size + "  " + printable(entry.name)
            }
        }

        /// What a stranger has named, without what would move the terminal's cursor.
        static func printable(_ text: String) -> String { PrintableText.sanitized(text.utf8) }

        private static func explain(_ error: TransferError, _ name: String) -> TransferError {
            switch error.code {
            case .interrupted: TransferError(.interrupted, "\(name): \(error); the same command again goes on with it")
            case .readOnly: TransferError(.readOnly, "\(name): \(error); the server has to be started with --writable")
            case .exists: TransferError(.exists, "\(name): \(error); say --replace to replace it")
            default: TransferError(error.code, "\(name): \(printable("\(error)"))")
            }
        }

        private static func summary(_ did: String, _ name: String, _ size: Int, _ time: Duration) -> String {
            let seconds = time / .seconds(1)
            let rate = size >= 1 << 20 && seconds > 0 ? ", \(ProgressBar.size(Int(Double(size) / seconds)))/s" : ""
            return "\(did) \(printable(name)): \(ProgressBar.size(size))\(rate), SHA-256 verified"
        }
    }
#endif
