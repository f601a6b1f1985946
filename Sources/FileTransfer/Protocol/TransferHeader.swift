// What the header of a frame says. One type for both directions and all commands: what is not said is nil, and what a
// later version adds is not looked at. Comes from a stranger: every number is checked by whoever uses it.

import FoundationEssentials

/// The header of a frame.
public struct TransferHeader: Codable, Sendable, Hashable {
    /// How many bytes of content follow.
    public var contentLength: Int?
    /// What the content is, as a media type.
    public var contentType: String?
    /// How its text is encoded.
    public var contentEncoding: String?
    /// What is asked for; without it a frame is a plain message.
    public var command: String?
    /// The file or directory.
    public var name: String?
    /// Where the content begins in the file.
    public var offset: Int?
    /// The size of the whole file.
    public var size: Int?
    /// When it was last changed, in seconds since 1970.
    public var modified: Int?
    /// The hash of the whole file, in hexadecimal digits.
    public var sha256: String?
    /// The hash of its first ``offset`` bytes.
    public var prefixSHA256: String?
    /// Whether a file of the same name is replaced.
    public var replaces: Bool?
    /// Whether what arrived of an interrupted upload is to be kept for a while.
    public var isResumable: Bool?
    /// How it went.
    public var status: String?
    /// Why not, in words.
    public var error: String?
    /// Why not, in a word for programs.
    public var code: String?

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

    /// A header that says nothing.
    public init() {}

    /// A header with a status.
    public init(status: String) { self.status = status }

    /// A request.
    public init(command: String, name: String? = nil) {
        self.command = command
        self.name = name
    }

    /// A refusal.
    public init(_ error: TransferError) {
        status = "refused"
        self.error = error.description
        code = error.code.rawValue
    }

    /// The refusal that this is; `nil` when it is none.
    public var refusal: TransferError? {
        guard error != nil || code != nil || status == "refused" else { return nil }
        return TransferError(TransferError.Code(rawValue: code ?? "failed"), error ?? "it was refused without a word")
    }

    // MARK: Bytes

    /// Reads a header whose shape was looked at.
    ///
    /// - Throws: ``TransferError/Code/malformed``.
    static func decode(_ bytes: [UInt8]) throws(TransferError) -> TransferHeader {
        try JSONShape.check(bytes)
        let header: TransferHeader
        do {
            header = try JSONDecoder().decode(TransferHeader.self, from: Data(bytes))
        } catch DecodingError.typeMismatch(_, let context) {
            throw TransferError(.malformed, "the header's '\(Self.place(context))' is of another type")
        } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
            throw TransferError(.malformed, "the header's '\(Self.place(context))' is no such number")
        } catch {
            throw TransferError(.malformed, "the header is no JSON")
        }
        if header.contentLength ?? 0 < 0 { throw TransferError(.malformed, "a negative content-length") }
        return header
    }

    private static func place(_ context: DecodingError.Context) -> String {
        context.codingPath.map(\.stringValue).joined(separator: ".")
    }

    /// The header's JSON.
    func encoded() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings, integers and truth values: there is nothing that JSON could not say.
        return (try? encoder.encode(self)).map { Array($0) } ?? Array("{}".utf8)
    }
}
