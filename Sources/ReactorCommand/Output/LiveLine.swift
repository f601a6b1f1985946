// A progress line on a terminal, redrawn in place.

/// A progress line on standard error. Create one only if standard error is a terminal.
final class LiveLine {
    private static let toStartAndErase = "\r\u{1B}[K"

    /// Replaces the text of the line.
    func show(_ text: String) { StandardError.write(Self.toStartAndErase + text) }

    /// Erases the line, so that the next output starts in an empty one.
    func clear() { StandardError.write(Self.toStartAndErase) }
}
