// The fields of a frame's header. One type serves both directions and all commands: absent fields are nil, and unknown
// ones, of later versions, are ignored. The peer is not trusted: the code that uses a number checks it.

import FoundationEssentials

/// The header of a frame.
package struct TransferHeader: Codable, Sendable, Hashable {
    /// The length of the content that follows, in bytes.
    package var contentLength: Int?
    /// The media type of the content.
    package var contentType: String?
    /// The character encoding of a text content.
    package var contentEncoding: String?
    /// The command; absent in a plain message.
    package var command: String?
    /// The name of the file or directory.
    package var name: String?
    /// The offset of the content in the file, in bytes.
    package var offset: Int?
    /// The size of the whole file, in bytes.
    package var size: Int?
    /// The time of the file's last modification, in seconds since 1970.
    package var modified: Int?
    /// The SHA-256 of the whole file, in hexadecimal.
    package var sha256: String?
    /// The SHA-256 of the file's first ``offset`` bytes.
    package var prefixSHA256: String?
    /// Whether to replace a file of the same name.
    package var replaces: Bool?
    /// Whether the server is to keep the partial file of an interrupted upload for a while.
    package var isResumable: Bool?
    /// The outcome.
    package var status: String?
    /// The reason for a refusal, in words.
    package var error: String?
    /// The reason for a refusal, as a code.
    package var code: String?

    private enum CodingKeys: String, CodingKey {
        case contentLength = "content-length"
        case contentType = "content-type"
        case contentEncoding = "content-encoding"
        case command = "do"
        case name, offset, size, modified, sha256
        case prefixSHA256 = "prefix-sha256"
        case replaces = "replace"
        case isResumable = "resumable"
        case status, error, code
    }

    /// Creates an empty header.
    package init() {}

    /// Creates a header with a status.
    package init(status: String) { self.status = status }

    /// Creates a request.
    package init(command: String, name: String? = nil) {
        self.command = command
        self.name = name
    }

    /// Creates the header of a refusal.
    package init(_ error: TransferError) {
        status = "refused"
        self.error = error.description
        code = error.code.rawValue
    }

    /// The refusal that the header carries; `nil` in any other header.
    package var refusal: TransferError? {
        guard error != nil || code != nil || status == "refused" else { return nil }
        return TransferError(TransferError.Code(rawValue: code ?? "failed"), error ?? "refused without a reason")
    }

    // MARK: Bytes

    /// Checks and decodes a header.
    ///
    /// - Throws: ``TransferError`` with the code ``TransferError/Code/malformed``.
    static func decode(_ bytes: [UInt8]) throws(TransferError) -> TransferHeader {
        try JSONShape.check(bytes)
        let header: TransferHeader
        do {
            header = try JSONDecoder().decode(TransferHeader.self, from: Data(bytes))
        } catch DecodingError.typeMismatch(_, let context) {
            throw TransferError(.malformed, "the header's '\(Self.place(context))' has the wrong type")
        } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
            throw TransferError(.malformed, "the header's '\(Self.place(context))' is not a valid number")
        } catch {
            throw TransferError(.malformed, "the header is not valid JSON")
        }
        if header.contentLength ?? 0 < 0 { throw TransferError(.malformed, "a negative content-length") }
        return header
    }

    private static func place(_ context: DecodingError.Context) -> String {
        context.codingPath.map(\.stringValue).joined(separator: ".")
    }

    /// Returns the header as JSON.
    func encoded() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings, integers and booleans only: encoding cannot fail.
        return (try? encoder.encode(self)).map { Array($0) } ?? Array("{}".utf8)
    }
}
