// The line editor: keys in, lines out, and what is shown.

import Testing

@testable import Demos

@Suite(.timeLimit(.minutes(20))) struct LineEditorTests {
    private static func type(_ keys: String) -> (LineEditor, [LineEditor.Event]) {
        var editor = LineEditor()
        let events = editor.receive(keys.utf8)
        return (editor, events)
    }

    @Test(arguments: [
        ("hello", "hello"), ("ab\u{1b}[Dc", "acb"), ("ab\u{1b}OD\u{1b}ODc", "cab"), ("abc\u{7f}\u{8}", "a"),
        ("b\u{1}a\u{5}c", "abc"), ("b\u{1b}[Ha\u{1b}[Fc", "abc"), ("b\u{1b}[1~a\u{1b}[4~c", "abc"),
        ("abc\u{1}\u{1b}[3~", "bc"), ("abc\u{1}\u{4}", "bc"), ("one two  \u{17}", "one "), ("abc\u{2}\u{15}", "c"),
        ("abc\u{1}\u{6}\u{b}", "a"), ("\u{1b}[D\u{7f}\u{1b}[3~\u{17}x", "x"), ("äö\u{1b}[D\u{7f}", "ö"),
        ("e\u{301}x\u{7f}\u{7f}", ""), ("漢字\u{2}\u{7f}", "字"), ("👩‍👩‍👧\u{7f}", ""), ("a\u{1b}[99;99Zb", "ab"),
        ("a\tb\0", "ab"),
        ("a\u{1b}[200~b", "ab"),
    ])
    func keysChangeTheLine(_ keys: String, _ expected: String) {
        #expect(Self.type(keys).0.text == expected)
    }

    @Test func anAccentJoinsTheCharacterBeforeIt() {
        let (editor, events) = Self.type("ab\u{1b}[De\u{301}\u{7f}\r")
        #expect(events == [.line("ab".replacingLast(with: "b"))])
        #expect(editor.text == "")
    }

    @Test func returnGivesTheLine() {
        #expect(Self.type("one\rtwo\n").1 == [.line("one"), .line("two")])
        #expect(Self.type("\u{4}").1 == [.ended])
        #expect(Self.type("x\u{3}").1 == [.interrupted])
    }

    @Test func piecesOfAnyCutAreTheSame() {
        let keys = Array("grüß\u{1b}[D\u{1b}[Dx漢\u{1b}[3~\u{1b}OHy".utf8)
        let whole = Self.type(String(decoding: keys, as: UTF8.self)).0.text
        var editor = LineEditor()
        for key in keys { _ = editor.receive([key]) }
        #expect(editor.text == whole)
        #expect(whole == "ygrx漢ß")
    }

    @Test func badBytesAreSwallowed() {
        var editor = LineEditor()
        _ = editor.receive([0xff, 0xfe, 0xc3, 0x28, 0x61, 0xed, 0xa0, 0x80, 0x80, 0x62] as [UInt8])
        #expect(editor.text.hasPrefix("(a"))
        #expect(editor.text.unicodeScalars.allSatisfy { $0.isASCII })
    }

    @Test func historyGoesUpAndDown() {
        var editor = LineEditor()
        _ = editor.receive("one\rtwo\rthr".utf8)
        let (up, down) = ("\u{1b}[A", "\u{1b}[B")
        _ = editor.receive(up.utf8)
        #expect(editor.text == "two")
        _ = editor.receive((up + up + up).utf8)
        #expect(editor.text == "one")
        _ = editor.receive((down + down).utf8)
        #expect(editor.text == "thr", "what was begun is there again")
        _ = editor.receive((up + "!\r").utf8)
        _ = editor.receive(up.utf8)
        #expect(editor.text == "two!")
    }

    @Test func theLineIsBounded() {
        var editor = LineEditor(maximumBytes: 10)
        _ = editor.receive(String(repeating: "ä", count: 20).utf8)
        #expect(editor.text.utf8.count == 10)
    }

    @Test func longLinesShowThePartRoundTheCursor() {
        var editor = LineEditor()
        _ = editor.receive("0123456789".utf8)
        let erasure = LineEditor.erasure
        #expect(editor.rendering(prompt: "> ", columns: 80) == erasure + "> 0123456789\r\u{1b}[12C")
        #expect(editor.rendering(prompt: "> ", columns: 10) == erasure + "> 3456789\r\u{1b}[9C")
        _ = editor.receive("\u{1}".utf8)
        #expect(editor.rendering(prompt: "> ", columns: 10) == erasure + "> 0123456\r\u{1b}[2C")
        #expect(editor.rendering(prompt: "", columns: 0).hasPrefix(erasure))
    }

    @Test(arguments: [
        ("abc", 3), ("漢字", 4), ("é", 1), ("e\u{301}", 1), ("🦊", 2), ("👩‍👩‍👧", 2), ("❤\u{fe0f}", 2), ("한", 2), ("", 0),
    ])
    func widths(_ text: String, _ width: Int) {
        #expect(TextWidth.of(text) == width)
    }
}

extension String {
    fileprivate func replacingLast(with character: Character) -> String { dropLast() + String(character) }
}
