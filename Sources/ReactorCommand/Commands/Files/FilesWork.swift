// The client's operations, for single commands and sessions alike: get, put, list, say. A success is shown in a line;
// errors are passed to the caller.

import ServedFiles

#if FileTransfer
    import Demos
    import FileTransfer
    import FoundationEssentials
    import Reactor
    import SystemPackage

    /// The operations of a client.
    struct FilesWork {
        let client: FilesClient
        /// Shows a line to the user.
        let show: (String) -> Void

        /// One entry of a directory listing.
        struct Entry: Codable {
            let name: String
            let kind: String
            let size: Int
            let modified: Int
            /// Whether the name is not UTF-8 and is shown escaped; `nil` if it is UTF-8.
            var escaped: Bool?
        }

        /// Downloads a file, resuming an interrupted download.
        func get(
            _ name: String, to local: String, replaces: Bool,
            then: @escaping (Result<TransferHeader, TransferError>) -> Void
        ) {
            let local = Self.target(local, of: name)
            let path = FilePath(local)
            if !replaces, FileManager.default.fileExists(atPath: local) {
                return then(
                    .failure(TransferError(.exists, "\(local) exists already; use another name, or --replace")))
            }
            let target: LocalTarget
            do throws(FileAccessError) { target = try LocalTarget(path) } catch {
                let reason = error.kind == .exists ? "another transfer is writing it" : error.namedDescription
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

        /// Returns the path of the local file. In a directory, the file gets the last component of its name.
        private static func target(_ local: String, of name: String) -> String {
            guard local.hasSuffix("/") || (try? Stat(FilePath(local)).type) == .directory else { return local }
            let last = name.split(separator: "/").last.map(String.init) ?? name
            return local.hasSuffix("/") ? local + last : "\(local)/\(last)"
        }

        /// Uploads a file, resuming an interrupted upload.
        func put(
            _ local: String, as name: String, replaces: Bool,
            then: @escaping (Result<TransferHeader, TransferError>) -> Void
        ) {
            let file: OpenFile
            do throws(FileAccessError) { file = try OpenFile(path: FilePath(local)) } catch {
                return then(
                    .failure(
                        TransferError(TransferError(error).code, "cannot read \(local): \(error.namedDescription)")))
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

        /// Lists a directory of the server.
        func list(_ name: String, then: @escaping (Result<[Entry], TransferError>) -> Void) {
            client.begin(
                TransferRequest(TransferHeader(command: "list", name: name)) { outcome in
                    switch outcome {
                    case .success(let reply):
                        do {
                            then(.success(try JSONDecoder().decode([Entry].self, from: Data(reply.content))))
                        } catch {
                            then(.failure(TransferError(.malformed, "the server sent a malformed list")))
                        }
                    case .failure(let error): then(.failure(Self.explain(error, name.isEmpty ? "/" : name)))
                    }
                })
        }

        /// Sends a plain message and shows the reply.
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

        /// Returns the lines of a listing: sizes aligned to the right, then names.
        static func lines(_ entries: [Entry]) -> [String] {
            let sizes = entries.map { $0.kind == "file" ? ProgressBar.size($0.size) : $0.kind }
            let width = sizes.map(\.count).max() ?? 0
            return zip(entries, sizes).map { entry, size in
                String(repeating: " ", count: width - size.count) + size + "  " + printable(entry.name)
            }
        }

        /// Returns a peer's text without control characters, which could move the terminal's cursor.
        static func printable(_ text: String) -> String { PrintableText.sanitized(text.utf8) }

        private static func explain(_ error: TransferError, _ name: String) -> TransferError {
            switch error.code {
            case .interrupted: TransferError(.interrupted, "\(name): \(error); repeat the command to resume it")
            case .readOnly: TransferError(.readOnly, "\(name): \(error); start the server with --writable")
            case .exists: TransferError(.exists, "\(name): \(error); use --replace to replace it")
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
