// Folders and files of a test of TFTP, gone when it is over.

import FoundationEssentials
import Testing

/// A folder with a random name.
struct TFTPFolder: Sendable {
    let path: String

    /// Runs `body` with a folder that everybody may write to, because servers give up their rights.
    static func with(_ body: (TFTPFolder) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "reactor-tftp-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o777])
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(TFTPFolder(path: path))
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file; its bytes follow from its size.
    func write(_ count: Int, as name: String) throws {
        try Self.bytes(count).write(to: URL(fileURLWithPath: file(name)))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file(name))
    }

    func write(_ text: String, as name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
    }

    /// Whether a file has the bytes of this size.
    func has(_ count: Int, as name: String) -> Bool {
        (try? Data(contentsOf: URL(fileURLWithPath: file(name)))) == Self.bytes(count)
    }

    func text(_ name: String) -> String? { try? String(contentsOfFile: file(name), encoding: .utf8) }

    /// The names in it, also of what is not complete.
    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

    /// Large ones repeat themselves, but for a number in every piece.
    private static func bytes(_ count: Int) -> Data {
        let pieceSize = 1 << 16
        let piece = (0..<min(count, pieceSize)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 7 &+ count) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let start = bytes.count
            bytes += piece.prefix(count - start)
            bytes[start] = UInt8(truncatingIfNeeded: start / pieceSize)
        }
        return Data(bytes)
    }
}
