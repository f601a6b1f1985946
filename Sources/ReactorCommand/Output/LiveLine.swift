// One line on a terminal that is written over and over.

/// A line of progress on standard error. Only where that is a terminal.
final class LiveLine {
    private static let toStartAndErase = "\r\u{1B}[K"

    /// Shows a text in place of the one before.
    func show(_ text: String) { StandardError.write(Self.toStartAndErase + text) }

    /// Leaves an empty line, for what is printed next.
    func clear() { StandardError.write(Self.toStartAndErase) }
}
