// What is in a directory, for those servers that show it (`--list`). Names are a stranger's text: escaped twice, as URLs and
// as HTML. Reading a directory blocks the loop as opening a file does.

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
    /// Names of a directory that are shown at most, and their bytes: escaped, they have to stay below what may wait to be
    /// sent (`Limits.outputLimit`).
    private static let (mostNames, mostBytes) = (2_000, 96 * 1024)

    /// In order; those of directories end with a slash. Names that begin with a dot are left out.
    private(set) var names: [[UInt8]] = []
    /// Whether there are more.
    private(set) var isCut = false

    /// Reads a directory below another; `nil` when it cannot be read.
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

    /// A page with links to all of them.
    func page(of path: [UInt8]) -> String {
        let title = FileName.text(path)
        let up = path.count > 1 ? "<li><a href=\"../\">../</a></li>\n" : ""
        let items = names.map { name in
            // "./", because a name with a colon would pass for a URL of its own (RFC 3986, 4.2).
            let text = HTTPText.escaped(FileName.text(name))
            return "<li><a href=\"./\(HTTPPath.encode(name))\">\(text)</a></li>"
        }
        let end = isCut ? "\n<p>There are more.</p>" : ""
        return HTTPText.page(title: title, "<ul>\n\(up)\(items.joined(separator: "\n"))\n</ul>\(end)")
    }
}
