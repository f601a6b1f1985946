// A real directory to be served, with everything around it that nobody may reach, in a temporary folder.

import Glibc
import ServedFiles
import SystemPackage

/// A folder with a directory `root` that is served, and secrets beside it.
package final class ServedTree {
    /// What no name may lead to.
    package static let secret = "secret"
    package let folder: String
    package var root: String { folder + "/root" }

    package init() throws {
        var name = Array("/tmp/reactor-files-XXXXXX".utf8CString)
        folder = unsafe String(cString: mkdtemp(&name)!)
        for directory in ["root", "root/dir", "root/dir/deep", "outside"] { make(directory: directory) }
        for file in ["secret", "outside/file", "root-beside"] { try write(file, Self.secret) }
        let files = [
            "plain", "dir/nested", "dir/deep/bottom", ".hidden", "with space", "...", "ü", "new\nline", "-rf", "~",
            "%2e",
            "..plain", "back\\slash", "*",
        ]
        for file in files { try write("root/" + file, file) }
        for (link, target) in Self.links { self.link("root/" + link, target) }
        link("root/absolute", folder + "/secret")
        link("root/absolute-in", root + "/plain")
        link("root/dir/absolute-up", folder)
        for number in 0..<45 { link("root/long-\(number)", number == 0 ? "plain" : "long-\(number - 1)") }
        unsafe mkfifo(root + "/pipe", 0o600)
        listen(root + "/socket")
    }

    deinit { remove("") }

    /// Removes a file, or a folder with all that is in it; a link is removed and not followed.
    private func remove(_ name: String) {
        let path = "\(folder)/\(name)"
        if unsafe unlink(path) == 0 { return }
        for entry in names(in: name) { remove("\(name)/\(entry)") }
        unsafe rmdir(path)
    }

    private static let links = [
        ("in", "plain"), ("in-dir", "dir"), ("in-in", "in"), ("dir/back", "../plain"),
        ("dir/round", "../dir/deep/../nested"),
        ("out", "../secret"), ("out-dir", "../outside"), ("up", ".."), ("dir/up", "../.."),
        ("dir/sneak", "../../secret"),
        ("out-in", "out"), ("chain", "in-dir/up"), ("round-trip", "../root/plain"), ("dangling", "nothing"),
        ("loop", "loop-back"), ("loop-back", "loop"), ("self", "self"), ("etc", "/etc/passwd"), ("slash", "/"),
        ("process", "/proc/self/root/etc/passwd"), ("null", "/dev/null"), ("to-pipe", "pipe"), ("dot", "."),
    ]

    package func make(directory: String) { unsafe mkdir("\(folder)/\(directory)", 0o755) }

    package func link(_ name: String, _ target: String) { unsafe symlink(target, "\(folder)/\(name)") }

    package func rename(_ from: String, to: String) { unsafe Glibc.rename("\(folder)/\(from)", "\(folder)/\(to)") }

    package func write(_ name: String, _ text: String) throws {
        let file = try FileDescriptor.open(
            FilePath("\(folder)/\(name)"), .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
        _ = try file.closeAfter { try file.writeAll(text.utf8) }
    }

    /// What a file holds; `nil` when it is not there.
    package func read(_ name: String) -> String? {
        guard let file = try? FileDescriptor.open(FilePath("\(folder)/\(name)"), .readOnly) else { return nil }
        return try? file.closeAfter { Self.text(of: file) }
    }

    /// The names in a folder, sorted.
    package func names(in directory: String) -> [String] {
        guard let stream = unsafe opendir("\(folder)/\(directory)") else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package static func text(of file: FileDescriptor) -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count =
            (try? unsafe bytes.withUnsafeMutableBytes { unsafe try file.read(fromAbsoluteOffset: 0, into: $0) }) ?? 0
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private func listen(_ path: String) {
        let descriptor = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        _ = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(descriptor)
    }
}
