// A line being edited on a terminal: takes keys, keeps the text, and renders it. It is independent of the terminal: the
// caller passes the bytes of a terminal in raw mode and writes the rendering.
//
//     byte --> text: UTF-8, collected until a character is complete
//          --> control: a key by itself
//          --> ESC [ digits ; letter, ESC O letter: an arrow, Home, End, Delete; unknown sequences are discarded

/// An editor of one line, with a history.
package struct LineEditor: Sendable {
    /// The effect of a key, other than a change of the line.
    package enum Event: Sendable, Hashable {
        /// A line is complete.
        case line(String)
        /// ctrl-D on an empty line: the end of input.
        case ended
        /// ctrl-C.
        case interrupted
    }

    private enum State { case text, escape, sequence, single }

    private static let historyLimit = 200
    private let maximumBytes: Int
    private var characters: [Character] = []
    private var cursor = 0
    private var state = State.text
    private var parameters: [UInt8] = []
    private var partial: [UInt8] = []

    private var history: [String] = []
    /// The position in the history of the line shown; the history's count for the new line.
    private var position = 0
    private var unfinished: [Character] = []

    /// Creates an editor with an empty line.
    ///
    /// - Parameter maximumBytes: the maximum length of a line, in bytes; further text is ignored. Default: 1,024.
    package init(maximumBytes: Int = 1_024) { self.maximumBytes = maximumBytes }

    /// The current line.
    package var text: String { String(characters) }

    // MARK: Keys

    /// Processes the bytes of keys; returns the events that they caused.
    package mutating func receive(_ bytes: some Sequence<UInt8>) -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            if let event = receive(byte) { events.append(event) }
        }
        return events
    }

    private mutating func receive(_ byte: UInt8) -> Event? {
        switch state {
        case .text: return byte < 0x20 || byte == 0x7f ? control(byte) : insert(byte)
        case .escape:
            parameters = []
            state = byte == UInt8(ascii: "[") ? .sequence : byte == UInt8(ascii: "O") ? .single : .text
        case .single:
            state = .text
            move(byte)
        case .sequence:
            if 0x40...0x7e ~= byte {
                state = .text
                finishSequence(byte)
            } else if byte < 0x20 {
                state = .text  // not a valid sequence
                return control(byte)
            } else if parameters.count < 16 {
                parameters.append(byte)
            }
        }
        return nil
    }

    private mutating func control(_ byte: UInt8) -> Event? {
        partial = []
        switch byte {
        case 0x1b: state = .escape
        case 0x0d, 0x0a: return .line(take())
        case 0x08, 0x7f: erase(from: cursor - 1, to: cursor)
        case 0x01: cursor = 0  // ctrl-A
        case 0x02: cursor = max(0, cursor - 1)  // ctrl-B
        case 0x03: return .interrupted
        case 0x04:  // ctrl-D
            if characters.isEmpty { return .ended }
            erase(from: cursor, to: cursor + 1)
        case 0x05: cursor = characters.count  // ctrl-E
        case 0x06: cursor = min(characters.count, cursor + 1)  // ctrl-F
        case 0x0b: erase(from: cursor, to: characters.count)  // ctrl-K
        case 0x0e: recall(position + 1)  // ctrl-N
        case 0x10: recall(position - 1)  // ctrl-P
        case 0x15: erase(from: 0, to: cursor)  // ctrl-U
        case 0x17: erase(from: startOfWord, to: cursor)  // ctrl-W
        default: break
        }
        return nil
    }

    private mutating func finishSequence(_ letter: UInt8) {
        guard letter == UInt8(ascii: "~") else { return move(letter) }
        switch parameters {
        case Array("1".utf8), Array("7".utf8): cursor = 0
        case Array("4".utf8), Array("8".utf8): cursor = characters.count
        case Array("3".utf8): erase(from: cursor, to: cursor + 1)
        default: break
        }
    }

    private mutating func move(_ letter: UInt8) {
        switch letter {
        case UInt8(ascii: "A"): recall(position - 1)
        case UInt8(ascii: "B"): recall(position + 1)
        case UInt8(ascii: "C"): cursor = min(characters.count, cursor + 1)
        case UInt8(ascii: "D"): cursor = max(0, cursor - 1)
        case UInt8(ascii: "H"): cursor = 0
        case UInt8(ascii: "F"): cursor = characters.count
        default: break
        }
    }

    // MARK: The line

    private mutating func insert(_ byte: UInt8) -> Event? {
        partial.append(byte)
        if byte < 0x80 { partial = [byte] }
        guard let text = String(validating: partial, as: UTF8.self) else {
            // A character has at most four bytes; an invalid sequence of that length cannot become valid.
            if partial.count >= 4 { partial = [] }
            return nil
        }
        partial = []
        guard text.unicodeScalars.allSatisfy(ChatText.isVisible),
            String(characters).utf8.count + text.utf8.count <= maximumBytes
        else { return nil }
        // A combining accent merges with the character before it.
        let before = Array(String(characters[..<cursor]) + text)
        characters.replaceSubrange(..<cursor, with: before)
        cursor = before.count
        return nil
    }

    private mutating func erase(from start: Int, to end: Int) {
        let range = max(0, start)..<max(max(0, start), min(characters.count, end))
        characters.removeSubrange(range)
        cursor = range.lowerBound
    }

    private var startOfWord: Int {
        var index = cursor
        while index > 0, characters[index - 1] == " " { index -= 1 }
        while index > 0, characters[index - 1] != " " { index -= 1 }
        return index
    }

    private mutating func take() -> String {
        let line = text
        if !line.isEmpty, history.last != line { history.append(line) }
        if history.count > Self.historyLimit { history.removeFirst() }
        (characters, cursor, position, unfinished) = ([], 0, history.count, [])
        return line
    }

    private mutating func recall(_ wanted: Int) {
        guard 0...history.count ~= wanted, wanted != position else { return }
        if position == history.count { unfinished = characters }
        position = wanted
        characters = wanted == history.count ? unfinished : Array(history[wanted])
        cursor = characters.count
    }

    // MARK: Rendering

    /// Returns the terminal output that shows the prompt and the line in one row, replacing what the row contained. Of
    /// a line that is too long, the part around the cursor is shown.
    package func rendering(prompt: String, columns: Int) -> String {
        let room = max(4, columns - TextWidth.of(prompt) - 1)
        var first = 0
        var before = TextWidth.of(characters[..<cursor])
        while before > room {
            before -= TextWidth.of(characters[first])
            first += 1
        }
        var last = cursor
        var width = before
        while last < characters.count, width + TextWidth.of(characters[last]) <= room {
            width += TextWidth.of(characters[last])
            last += 1
        }
        let column = TextWidth.of(prompt) + before
        let back = column == 0 ? "\r" : "\r\u{1b}[\(column)C"
        return Self.erasure + prompt + String(characters[first..<last]) + back
    }

    /// The terminal output that clears the row.
    package static let erasure = "\r\u{1b}[K"
}
