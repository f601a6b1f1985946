// A source of a file owns its descriptor.

import Reactor
import ReactorTFTP
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct FileSourceTests {
    /// The loop may end while a read runs on a worker: the transfer drops its source without closing it.
    @Test func aSourceThatIsDroppedClosesItsDescriptor() throws {
        let pipe = try FileDescriptor.pipe()
        defer { try? pipe.writeEnd.close() }
        var source: FileSource? = FileSource(pipe.readEnd)
        withExtendedLifetime(source) {}
        source = nil
        // A write fails once the read end is closed.
        let error = #expect(throws: Errno.self) {
            try LinuxKernel.shared.writeAll([UInt8(1)].span, to: pipe.writeEnd)
        }
        #expect(error == .brokenPipe)
    }
}
