// Maps file name extensions to content types.

/// The content types by file name extension.
enum HTTPContentType {
    /// Returns the content type for the extension of a path; text types are declared as UTF-8. An unknown extension
    /// gives `application/octet-stream`.
    static func type(of path: [UInt8]) -> String {
        let name = path[path.index(after: path.lastIndex(of: UInt8(ascii: "/")) ?? -1)...]
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")), name.count - (dot - name.startIndex) <= 12 else {
            return unknown
        }
        let letters = name[(dot + 1)...].map(HTTPByte.lowercased)
        return types[String(decoding: letters, as: UTF8.self)] ?? unknown
    }

    private static let unknown = "application/octet-stream"

    private static let types = [
        "html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8",
        "txt": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8", "csv": "text/csv; charset=utf-8",
        "xml": "text/xml; charset=utf-8", "ics": "text/calendar; charset=utf-8", "json": "application/json",
        "map": "application/json", "webmanifest": "application/manifest+json", "atom": "application/atom+xml",
        "rss": "application/rss+xml", "xhtml": "application/xhtml+xml", "wasm": "application/wasm",
        "pdf": "application/pdf", "zip": "application/zip", "gz": "application/gzip", "bz2": "application/x-bzip2",
        "xz": "application/x-xz", "zst": "application/zstd", "tar": "application/x-tar",
        "7z": "application/x-7z-compressed",
        "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
        "avif": "image/avif", "svg": "image/svg+xml", "ico": "image/vnd.microsoft.icon", "bmp": "image/bmp",
        "tif": "image/tiff", "tiff": "image/tiff", "woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf",
        "otf": "font/otf", "mp3": "audio/mpeg", "ogg": "audio/ogg", "opus": "audio/ogg", "wav": "audio/wav",
        "flac": "audio/flac", "m4a": "audio/mp4", "mp4": "video/mp4", "webm": "video/webm", "ogv": "video/ogg",
        "mov": "video/quicktime", "mkv": "video/matroska",
    ]
}
