// What may be said and what may be a name, what telnet adds, and how often.

import Reactor
import Testing

@testable import Demos

@Suite(.timeLimit(.minutes(20))) struct ChatTextTests {
    @Test(arguments: ["hello", "", "grüß dich", "漢字", "👩‍👩‍👧", "a\u{200d}b", "שלום"])
    func visibleTextIsTaken(_ text: String) throws {
        #expect(try ChatText.decode(Array(text.utf8)) == text)
    }

    @Test(arguments: [
        "\u{1b}[2J", "a\u{7f}", "\u{9b}31m", "\t", "a\rb", "\0", "\u{202e}txet", "\u{2028}", "\u{feff}", "\u{2066}",
    ])
    func whateverATerminalObeysIsRefused(_ text: String) {
        #expect(throws: ChatRefusal.self) { try ChatText.decode(Array(text.utf8)) }
        #expect(!ChatText.visible(text.utf8).unicodeScalars.contains { !ChatText.isVisible($0) })
    }

    @Test(
        arguments: [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x61, 0x80]]
            as [[UInt8]])
    func whatIsNoUTF8IsRefused(_ bytes: [UInt8]) {
        #expect(throws: ChatRefusal.self) { try ChatText.decode(bytes) }
    }

    @Test(arguments: ["a", "Anna-Lena_2.", "änna", "漢字", "🦊", String(repeating: "x", count: 24)])
    func names(_ text: String) throws {
        #expect(try ChatName(text).description == text)
    }

    @Test(arguments: [
        "", "a b", "a>b", "a@b", "*", "a\u{301}\u{200b}", "\u{301}a", "\u{3164}", "\u{2800}", "a\u{ad}", "<", "[x]",
        "!",
        String(repeating: "x", count: 25), "a" + String(repeating: "\u{301}", count: 60), "\u{1b}",
    ])
    func noNames(_ text: String) {
        #expect(throws: ChatRefusal.self) { try ChatName(text) }
    }

    @Test func namesAreTheSameInAnyCaseAndComposition() throws {
        #expect(try ChatName("Anna") == ChatName("aNNA"))
        #expect(try ChatName("Ä") == ChatName("a\u{308}"))
        #expect(try ChatName("anna") != ChatName("anne"))
    }

    @Test func commands() throws {
        #expect(try ChatCommand("hello /nick") == .say("hello /nick"))
        #expect(try ChatCommand("//etc") == .say("/etc"))
        #expect(try ChatCommand("/NICK  anna ") == .nick("anna"))
        #expect(try ChatCommand("/join room") == .join("room"))
        #expect(try ChatCommand("/msg bob  two words ") == .message(to: "bob", "two words "))
        #expect(try ChatCommand("/who") == .who)
        for line in ["/", "/nick", "/nick a b", "/join", "/msg bob", "/msg", "/sudo"] {
            #expect(throws: ChatRefusal.self) { try ChatCommand(line) }
        }
    }

    @Test func telnetsCommandsAreTakenOutAndDeclined() {
        let (will, wont, demand, dont): (UInt8, UInt8, UInt8, UInt8) = (251, 252, 253, 254)
        let stripped = TelnetFilter.strip([255, demand, 6, 0x61, 255, 244, 255, will, 1, 0x62])
        #expect(stripped.text == [0x61, 0x62])
        #expect(stripped.reply == [255, wont, 6, 255, dont, 1])
        // Answers are not answered, for that would never end.
        #expect(TelnetFilter.strip([255, wont, 6, 255, dont, 1]).reply == [])
        #expect(TelnetFilter.strip([255, 250, 24, 1, 255, 240, 0x61]).text == [0x61])
        #expect(TelnetFilter.strip([255, 255, 0x61]).text == [255, 0x61])
        for cut in [[255], [255, demand], [0x61, 255, 250, 1], [255, 250, 255]] as [[UInt8]] {
            #expect(TelnetFilter.strip(cut).reply == [])
        }
    }

    @Test func aBucketHoldsABurstAndFillsWithTime() {
        var bucket = TokenBucket(perSecond: 10, burst: 3)
        var now = MonotonicTime(nanoseconds: 5)
        func take() -> Bool { bucket.take(at: now) }
        #expect([take(), take(), take(), take()] == [true, true, true, false])
        now = now.advanced(by: .milliseconds(99))
        #expect(!take())
        #expect(bucket.wait(at: now) == .milliseconds(1))
        now = now.advanced(by: .milliseconds(1))
        #expect([take(), take()] == [true, false])
        now = now.advanced(by: .seconds(3600))
        #expect([take(), take(), take(), take()] == [true, true, true, false])
    }
}
