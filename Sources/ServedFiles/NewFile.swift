// A file on its way into a served directory: it has a temporary name until it is complete, so that nobody is ever given
// half of it. Owns the file's descriptor and that of the directory it is in; its names are single components of that
// directory, so that no link that is put in the way meanwhile can lead them elsewhere.
//
//     create --> being written --commit()--> there under its name, or gone, with an error
//                      +-------discard()---> gone
//
// The writer holds a lock on the file (flock(2)), which ends with its process: a temporary name without a lock belongs to a
// server that was killed (ServedDirectory+Cleaning.swift).

import CReactor
import Reactor
public import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A file that is being written and is not there yet. Whoever has it commits or discards it; dropping it traps.
public struct NewFile: ~Copyable {
    /// The file, empty and open for reading and writing.
    public let descriptor: FileDescriptor
    private let file: OwnedDescriptor
    private let parent: OwnedDescriptor
    /// Both end with a zero byte.
    private let temporaryName: [UInt8]
    private let name: [UInt8]

    /// What the names of files that are not there yet begin with.
    static let prefix = Array(".reactor-".utf8)
    static let suffix = Array(".part".utf8)
    /// The longest name of one file (limits.h, `NAME_MAX`).
    private static let longestName = 255

    /// Makes the file in its directory, under a temporary name.
    init(_ name: [UInt8], in parent: consuming OwnedDescriptor) throws(FileAccessError) {
        let place = parent.name.rawValue
        while true {
            let temporary = Self.temporaryName()
            let result = unsafe temporary.withName { unsafe creactor_create_in(place, $0, 0o666) }
            if let errno = result.errno {
                // Another file has this name: with 64 random bits, only in a directory of somebody who tries them all.
                if errno == .interrupted || errno == .fileExists { continue }
                parent.close(LinuxKernel.shared)
                throw FileAccessError(errno)
            }
            descriptor = result.descriptor
            file = OwnedDescriptor(result.descriptor)
            // Without contention: no other process opens a name that it does not know. A file system that has no locks has
            // no cleaning either.
            _ = flock(result.descriptor.rawValue, LOCK_EX | LOCK_NB)
            self.parent = parent
            temporaryName = temporary
            self.name = name + [0]
            return
        }
    }

    /// Gives the file its name, after what was written is on the disk (fdatasync(2)); it is discarded when that fails.
    ///
    /// - Parameters:
    ///   - replacing: whether a regular file that has the name already is replaced. Nothing else ever is.
    ///   - isDurable: whether the contents are on the disk before the name is; may take as long as the disk does.
    public consuming func commit(replacing: Bool, isDurable: Bool = false) throws(FileAccessError) {
        let errno = isDurable ? SystemResult(rawValue: creactor_sync(descriptor.rawValue)).errno : nil
        let error = errno.map { FileAccessError($0) } ?? rename(replacing: replacing)
        if let error {
            discard()
            throw error
        }
        close()
    }

    /// Removes the file.
    public consuming func discard() {
        _ = unsafe temporaryName.withName { unsafe creactor_remove_in(parent.name.rawValue, $0) }
        close()
    }

    private consuming func close() {
        file.close(LinuxKernel.shared)
        parent.close(LinuxKernel.shared)
    }

    /// Answers what went wrong.
    private borrowing func rename(replacing: Bool) -> FileAccessError? {
        let place = parent.name.rawValue
        if replacing {
            // A link, a pipe or a device is not what a peer means to write to.
            var status = creactor_file_status()
            let found = unsafe name.withName { unsafe creactor_status_in(place, $0, &status) }
            if found.succeeded && !status.isRegular { return FileAccessError(.noFile) }
        }
        let result = unsafe temporaryName.withName { from in
            unsafe name.withName { to in
                // Safe: both names live for the call.
                unsafe SystemResult(
                    rawValue: replacing ? creactor_replace_in(place, from, to) : creactor_rename_in(place, from, to))
            }
        }
        return result.errno.map { FileAccessError($0) }
    }

    /// Whether this can be the name of one file.
    static func isName(_ name: [UInt8]) -> Bool {
        let dot = UInt8(ascii: ".")
        return !name.isEmpty && name != [dot] && name != [dot, dot] && name.count <= longestName
            && !name.contains(0) && !name.contains(UInt8(ascii: "/"))
    }

    /// Whether a file has this name that is not there yet, or was left behind by a server that was killed. No client may use
    /// such a name.
    static func isTemporary(_ name: some BidirectionalCollection<UInt8>) -> Bool {
        name.starts(with: prefix) && name.suffix(suffix.count).elementsEqual(suffix)
    }

    /// Whether a part of this path is such a name.
    static func hasTemporaryPart(_ path: some BidirectionalCollection<UInt8>) -> Bool {
        path.split(separator: UInt8(ascii: "/")).contains { isTemporary($0) }
    }

    /// Whether this is exactly what ``init(_:in:)`` names a file: 1 to 13 digits to the base 36 between prefix and suffix.
    static func isOwnName(_ name: [UInt8]) -> Bool {
        guard isTemporary(name), name.count > prefix.count + suffix.count else { return false }
        let digits = name[prefix.count..<name.count - suffix.count]
        let (numerals, letters) = (UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"))
        return digits.count <= mostDigits && digits.allSatisfy { numerals.contains($0) || letters.contains($0) }
    }

    /// Digits of the largest number of 64 bits to the base 36.
    private static let mostDigits = 13

    private static func temporaryName() -> [UInt8] {
        let digits = String(UInt64.random(in: .min ... .max), radix: 36)
        return prefix + digits.utf8 + suffix + [0]
    }
}

extension [UInt8] {
    /// Lends a name that ends with a zero byte to a system call.
    func withName(_ call: (UnsafePointer<CChar>) -> Int) -> SystemResult {
        // Safe: the bytes live for the call, and a byte is a byte.
        unsafe withUnsafeBytes { bytes in
            unsafe SystemResult(rawValue: call(bytes.assumingMemoryBound(to: CChar.self).baseAddress!))
        }
    }

    func withName(_ call: (UnsafePointer<CChar>) -> SystemResult) -> SystemResult {
        unsafe withName { unsafe call($0).rawValue }
    }
}

extension creactor_file_status {
    private static let typeMask: UInt32 = 0o170000
    private static let regular: UInt32 = 0o100000
    private static let directory: UInt32 = 0o040000

    var isRegular: Bool { mode & Self.typeMask == Self.regular }
    var isDirectory: Bool { mode & Self.typeMask == Self.directory }
}
