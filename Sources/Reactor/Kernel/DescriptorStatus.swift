// What a descriptor refers to, as far as it matters for a connection over it.

import CReactor

/// The status of a descriptor: the kind of its file, and its status flags.
package struct DescriptorStatus: Sendable, Hashable {
    /// The kind of file that a descriptor refers to (inode(7)).
    package enum Kind: Sendable, Hashable {
        case stream, listener, otherSocket, pipe, characterDevice, regularFile, blockDevice, directory, other
    }

    /// The kind of file.
    package var kind = Kind.other
    /// The file status flags and the access mode (fcntl(2), `F_GETFL`).
    package var flags: CInt = 0

    /// Creates a status.
    package init(kind: Kind = .other, flags: CInt = 0) {
        self.kind = kind
        self.flags = flags
    }

    init(_ found: creactor_descriptor) {
        flags = found.flags
        switch UInt32(bitPattern: found.mode) & 0o170000 {
        case 0o140000:
            let isStream = found.type == CInt(SOCK_STREAM.rawValue)
            kind = !isStream ? .otherSocket : found.listens != 0 ? .listener : .stream
        case 0o010000: kind = .pipe
        case 0o020000: kind = .characterDevice
        case 0o100000: kind = .regularFile
        case 0o060000: kind = .blockDevice
        case 0o040000: kind = .directory
        default: kind = .other
        }
    }

    /// The flags with `O_NONBLOCK`.
    package var nonBlockingFlags: CInt { flags | O_NONBLOCK }
    /// Whether the descriptor may be read; `false` for `O_PATH`.
    package var canRead: Bool { !isPathOnly && flags & O_ACCMODE != O_WRONLY }
    /// Whether the descriptor may be written; `false` for `O_PATH`.
    package var canWrite: Bool { !isPathOnly && flags & O_ACCMODE != O_RDONLY }
    /// Whether it was opened with `O_PATH`, which permits neither (open(2)).
    package var isPathOnly: Bool { flags & 0o10_000_000 != 0 }
}
