// An example of a page that is not a file: a form, and the page that shows the submitted values.

import HTTPTypes
import Reactor

/// The example form and its handling.
enum HTTPForm {
    /// Returns the page with the form.
    static func page(at path: String) -> HTTPResponse {
        HTTPResponse(
            page: HTTPText.page(
                title: "A form",
                """
                <form method="post" action="\(HTTPText.escaped(path))">
                <p><label>Name <input name="name"></label></p>
                <p><label>Message <textarea name="message"></textarea></label></p>
                <p><button>Send</button></p>
                </form>
                """))
    }

    /// Returns a page that shows the values of a submitted form.
    ///
    /// - Throws: ``HTTPRequestError``: 415 for another content type, 400 for a malformed form.
    static func response(to head: HTTPRequestHead, _ bytes: RawSpan, _ content: [UInt8]) throws(HTTPRequestError)
        -> HTTPResponse
    {
        let type = head.value(of: "content-type", in: bytes)?.range ?? 0..<0
        let end = type.first { bytes.byte(at: $0) == UInt8(ascii: ";") } ?? type.upperBound
        guard bytes.isName("application/x-www-form-urlencoded", at: bytes.trimmed(type.lowerBound..<end)) else {
            throw HTTPRequestError(415, "this form accepts only application/x-www-form-urlencoded")
        }
        let rows = try fields(content).map { "<dt>\(HTTPText.escaped($0))</dt><dd>\(HTTPText.escaped($1))</dd>" }
        return HTTPResponse(page: HTTPText.page(title: "Thank you", "<dl>\n\(rows.joined(separator: "\n"))\n</dl>"))
    }

    /// Parses the fields of a form (WHATWG URL, 5.1), in order.
    static func fields(_ content: [UInt8]) throws(HTTPRequestError) -> [(String, String)] {
        var result: [(String, String)] = []
        for pair in content.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            result.append((try decode(parts[0]), parts.count > 1 ? try decode(parts[1]) : ""))
        }
        return result
    }

    private static func decode(_ bytes: ArraySlice<UInt8>) throws(HTTPRequestError) -> String {
        var decoded: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "%") {
                guard bytes.endIndex - index >= 2, let high = HTTPByte.hexDigit(bytes[index]),
                    let low = HTTPByte.hexDigit(bytes[index + 1])
                else { throw .malformed("the form contains an invalid percent escape") }
                decoded.append(UInt8(high << 4 | low))
                index += 2
            } else {
                decoded.append(byte == UInt8(ascii: "+") ? HTTPByte.space : byte)
            }
        }
        guard let text = String(validating: decoded, as: UTF8.self) else { throw .malformed("the form is not UTF-8") }
        return text
    }
}
