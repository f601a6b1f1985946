// A reply of the admin socket. It is written either as lines for people or as one line of JSON (RFC 8259) for programs,
// from the same value, so that both always agree.

/// A value within a reply.
package indirect enum AdminValue: Sendable {
    case text(String)
    case integer(Int)
    case seconds(Duration)
    case truth(Bool)
    case nothing
    case object([(name: String, value: AdminValue)])
    case list([AdminValue])
    /// A table; each row has one value per column.
    case table(columns: [String], rows: [[AdminValue]])

    // MARK: For programs

    /// The value as one line of JSON, without a newline.
    var json: String {
        var text = ""
        appendJSON(to: &text)
        return text
    }

    private func appendJSON(to text: inout String) {
        switch self {
        case .text(let words): Self.appendString(words, to: &text)
        case .integer(let number): text += "\(number)"
        case .seconds(let time): text += "\(Double(time.wholeNanoseconds) / 1e9)"
        case .truth(let isTrue): text += isTrue ? "true" : "false"
        case .nothing: text += "null"
        case .object(let fields): Self.appendObject(fields, to: &text)
        case .list(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += "," }
                value.appendJSON(to: &text)
            }
            text += "]"
        case .table(let columns, let rows):
            AdminValue.list(rows.map { .object(zip(columns, $0).map { (name: $0, value: $1) }) }).appendJSON(to: &text)
        }
    }

    private static func appendObject(_ fields: [(name: String, value: AdminValue)], to text: inout String) {
        text += "{"
        for (index, field) in fields.enumerated() {
            if index > 0 { text += "," }
            appendString(field.name, to: &text)
            text += ":"
            field.value.appendJSON(to: &text)
        }
        text += "}"
    }

    private static func appendString(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            case "\u{0}"..."\u{1f}":
                text += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    // MARK: For people

    /// The value as lines, each with its newline: `name: value`, or a table with aligned columns; an empty line
    /// separates the values of a list.
    var lines: String {
        switch self {
        case .object(let fields): fields.map { Self.lines(of: $0.value, named: $0.name) }.joined()
        case .list(let values): values.map(\.lines).joined(separator: "\n")
        case .table(let columns, let rows): Self.aligned([columns] + rows.map { $0.map(\.words) })
        default: words + "\n"
        }
    }

    private static func lines(of value: AdminValue, named name: String) -> String {
        switch value {
        case .object(let fields): fields.map { lines(of: $0.value, named: "\(name) \($0.name)") }.joined()
        case .list, .table: "\(name):\n\(value.lines)"
        default: "\(name): \(value.words)\n"
        }
    }

    /// The value on one line, without control characters, which a handler's type name or a socket's path may contain.
    private var words: String {
        switch self {
        case .text(let words): String(String.UnicodeScalarView(words.unicodeScalars.filter { $0.value >= 32 }))
        case .integer(let number): "\(number)"
        case .seconds(let time): Self.words(for: time.wholeNanoseconds)
        case .truth(let isTrue): isTrue ? "yes" : "no"
        case .nothing: "-"
        case .object, .list, .table: json
        }
    }

    private static func words(for nanoseconds: Int64) -> String {
        switch nanoseconds {
        case ..<10_000: "\(nanoseconds) ns"
        case ..<10_000_000: "\(nanoseconds / 1000) us"
        case ..<10_000_000_000: "\(nanoseconds / 1_000_000) ms"
        default: "\(nanoseconds / 1_000_000_000) s"
        }
    }

    private static func aligned(_ rows: [[String]]) -> String {
        var widths = [Int](repeating: 0, count: rows.first?.count ?? 0)
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
        }
        var text = ""
        for row in rows {
            for (column, cell) in row.enumerated() {
                text += cell
                if column + 1 < row.count {
                    text += String(repeating: " ", count: widths[column] - cell.count + 2)
                }
            }
            text += "\n"
        }
        return text
    }
}
