// A file being written into a served directory, under a temporary name until it is complete, so that no client is
// served an incomplete file. Owns the descriptors of the file and of its directory. Its names are single path
// components of that directory, so that no symbolic link planted meanwhile can redirect them.
//
//     create --> being written --commit()--> in place under its name, or removed, with an error
//                      +-------discard()---> removed
//
// The writer holds a lock on the file (flock(2)), which ends with its process: a temporary name whose lock is free was
// left behind by a killed server (ServedDirectory+Cleaning.swift).

import CReactor
import Reactor
public import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A file being written, not visible under its name yet. Its owner must commit or discard it; dropping it traps.
public struct NewFile: ~Copyable {
    /// The file, empty and open for reading and writing.
    public let descriptor: FileDescriptor
    private let file: OwnedDescriptor
    private let parent: OwnedDescriptor
    /// Both names end with a zero byte.
    private let temporaryName: [UInt8]
    private let name: [UInt8]

    /// The prefix of temporary names.
    static let prefix = Array(".reactor-".utf8)
    static let suffix = Array(".part".utf8)
    /// The maximum length of a file name, in bytes (limits.h, `NAME_MAX`).
    private static let longestName = 255

    /// Creates the file in its directory, under a temporary name.
    init(_ name: [UInt8], in parent: consuming OwnedDescriptor) throws(FileAccessError) {
        let place = parent.fd.rawValue
        while true {
            let temporary = Self.temporaryName()
            // Safe: the name ends with a zero byte and lives for the call.
            let result = unsafe temporary.withName { unsafe creactor_create_in(place, $0, 0o666) }
            if let errno = result.errno {
                // A collision of 64 random bits happens only in a directory whose owner provokes it.
                if errno == .interrupted || errno == .fileExists { continue }
                parent.close(LinuxKernel.shared)
                throw FileAccessError(errno)
            }
            descriptor = result.descriptor
            file = OwnedDescriptor(result.descriptor)
            // Uncontended: no other process opens a name that it does not know. On a file system without locks,
            // abandoned files are never removed.
            _ = flock(result.descriptor.rawValue, LOCK_EX | LOCK_NB)
            self.parent = parent
            temporaryName = temporary
            self.name = name + [0]
            return
        }
    }

    /// Gives the file its name; if that fails, the file is discarded.
    ///
    /// - Parameters:
    ///   - replacing: whether a regular file that has the name already is replaced; anything else never is.
    ///   - isDurable: whether to flush the contents to the disk first (fdatasync(2)), which may block. Default: no.
    /// - Throws: ``FileAccessError``.
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
        // Safe: the name ends with a zero byte and lives for the call.
        _ = unsafe temporaryName.withName { unsafe creactor_remove_in(parent.fd.rawValue, $0) }
        close()
    }

    private consuming func close() {
        file.close(LinuxKernel.shared)
        parent.close(LinuxKernel.shared)
    }

    /// Renames the file; returns the error, if any.
    private borrowing func rename(replacing: Bool) -> FileAccessError? {
        let place = parent.fd.rawValue
        if replacing {
            // A peer never intends to replace a symbolic link, a pipe or a device.
            var status = creactor_file_status()
            // Safe: the name ends with a zero byte and lives for the call, which fills the status before it returns.
            let found = unsafe name.withName { unsafe creactor_status_in(place, $0, &status) }
            if found.succeeded && !status.isRegular { return FileAccessError(.noFile) }
        }
        // Safe: both names end with a zero byte and live for the call.
        let result = unsafe temporaryName.withName { from in
            unsafe name.withName { to in
                unsafe SystemResult(
                    rawValue: replacing ? creactor_replace_in(place, from, to) : creactor_rename_in(place, from, to))
            }
        }
        return result.errno.map { FileAccessError($0) }
    }

    /// Returns whether the bytes are a valid name of a file: one path component.
    static func isName(_ name: [UInt8]) -> Bool {
        let dot = UInt8(ascii: ".")
        return !name.isEmpty && name != [dot] && name != [dot, dot] && name.count <= longestName
            && !name.contains(0) && !name.contains(UInt8(ascii: "/"))
    }

    /// Returns whether a name is that of an incomplete file, being written or left behind by a killed server. Clients
    /// may not use such names.
    static func isTemporary(_ name: some BidirectionalCollection<UInt8>) -> Bool {
        name.starts(with: prefix) && name.suffix(suffix.count).elementsEqual(suffix)
    }

    /// Returns whether any component of a path is such a name.
    static func hasTemporaryPart(_ path: some BidirectionalCollection<UInt8>) -> Bool {
        path.split(separator: UInt8(ascii: "/")).contains { isTemporary($0) }
    }

    /// Returns whether ``init(_:in:)`` can have created a name: 1 to 13 base-36 digits between prefix and suffix.
    static func isOwnName(_ name: [UInt8]) -> Bool {
        guard isTemporary(name), name.count > prefix.count + suffix.count else { return false }
        let digits = name[prefix.count..<name.count - suffix.count]
        let (numerals, letters) = (UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"))
        return digits.count <= mostDigits && digits.allSatisfy { numerals.contains($0) || letters.contains($0) }
    }

    /// The number of base-36 digits of the largest 64-bit number.
    private static let mostDigits = 13

    private static func temporaryName() -> [UInt8] {
        let digits = String(UInt64.random(in: .min ... .max), radix: 36)
        return prefix + digits.utf8 + suffix + [0]
    }
}

extension [UInt8] {
    /// Passes a name that ends with a zero byte to a system call.
    func withName(_ call: (UnsafePointer<CChar>) -> Int) -> SystemResult {
        // Safe: the bytes live for the call, are not empty, and any byte is a valid CChar.
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
