// A folder for Unix sockets and files, that nobody else uses.

import Glibc

/// A folder that goes with the test.
package final class TemporaryFolder {
    package let path: String

    package init() {
        var name = Array("/tmp/reactor-test-XXXXXX".utf8CString)
        path = unsafe String(cString: mkdtemp(&name)!)
    }

    deinit {
        remove("s")
        unsafe rmdir(path)
    }

    package func remove(_ name: String) { unsafe unlink("\(path)/\(name)") }

    package func makeFile(_ name: String) {
        let descriptor = unsafe open("\(path)/\(name)", O_CREAT | O_CLOEXEC, 0o644)
        fchmod(descriptor, 0o644)
        close(descriptor)
    }

    /// The permissions of a file; `nil` when there is none.
    package func mode(of name: String) -> mode_t? {
        var status = stat()
        return unsafe stat("\(path)/\(name)", &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    /// A listening socket that the framework knows nothing of.
    package func listen(_ name: String, backlog: CInt) -> CInt {
        let descriptor = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | UInt32(SOCK_CLOEXEC.rawValue)), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: "\(path)/\(name)".utf8) }
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        precondition(result == 0 && Glibc.listen(descriptor, backlog) == 0)
        return descriptor
    }

    /// What a server leaves behind that ended without a word.
    package func leaveSocket(_ name: String) { close(listen(name, backlog: 1)) }
}
