// Directory listings, for servers that enable them (`--list`). Names are untrusted text and are escaped both as URLs
// and as HTML. Reading a directory blocks the loop, as opening a file does.

import Reactor
import ServedFiles
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The names in a directory.
struct DirectoryNames {
    /// The most names that a page lists, and the most bytes of names: the escaped page must stay below the limit of
    /// queued output (`Limits.outputLimit`).
    private static let (mostNames, mostBytes) = (2_000, 96 * 1024)

    /// The names, sorted by bytes; those of directories end with a slash. Names that begin with a dot are omitted.
    private(set) var names: [[UInt8]] = []
    /// Whether the list was truncated.
    private(set) var isCut = false

    /// Reads the directory at `path` beneath a served directory; `nil` if it cannot be read.
    static func read(_ path: [UInt8], in directory: ServedDirectory) -> DirectoryNames? {
        guard let opened = try? directory.open(path, flags: O_RDONLY | O_DIRECTORY) else { return nil }
        guard var reader = try? DirectoryReader(opened) else { return nil }
        var result = DirectoryNames()
        var byteCount = 0
        while let (entry, hint) = reader.next() {
            var name = entry
            if name.first == UInt8(ascii: ".") { continue }
            byteCount += name.count
            if result.names.count == mostNames || byteCount > mostBytes {
                result.isCut = true
                break
            }
            if hint == .directory { name.append(UInt8(ascii: "/")) }
            result.names.append(name)
        }
        result.names.sort { $0.lexicographicallyPrecedes($1) }
        return result
    }

    /// Returns an HTML page that links to every name that can be requested.
    func page(of path: [UInt8]) -> String {
        let title = FileName.text(path)
        let up = path.count > 1 ? "<li><a href=\"../\">../</a></li>\n" : ""
        let items = names.map { name in
            // The "./" keeps a name with a colon from being parsed as a URL with a scheme (RFC 3986, 4.2).
            let text = HTTPText.escaped(FileName.text(name))
            // A request for a control character is refused (HTTPPath.decode), so such a name is shown without a link.
            if name.contains(where: { $0 < 0x20 || $0 == 0x7f }) { return "<li>\(text)</li>" }
            return "<li><a href=\"./\(HTTPPath.encode(name))\">\(text)</a></li>"
        }
        let end = isCut ? "\n<p>There are more.</p>" : ""
        return HTTPText.page(title: title, "<ul>\n\(up)\(items.joined(separator: "\n"))\n</ul>\(end)")
    }
}
