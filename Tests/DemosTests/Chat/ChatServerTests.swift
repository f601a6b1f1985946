// The chat itself, without a network: lines go in, lines come out.

import Reactor
import Testing

@testable import Demos

@Suite(.timeLimit(.minutes(20))) struct ChatServerTests {
    /// A chat and its members, whose time stands still unless it is moved.
    final class Hall {
        let chat: ChatServer
        var now = MonotonicTime(nanoseconds: 0)

        init(_ limits: ChatLimits = ChatLimits()) { chat = ChatServer(name: "a", limits: limits) }

        func connect() -> (peer: RecordingPeer, member: ChatMember) {
            let peer = RecordingPeer()
            return (peer, chat.connect(peer))
        }

        func join(_ name: String) -> (peer: RecordingPeer, member: ChatMember) {
            let both = connect()
            say(name, both.member)
            _ = both.peer.take()
            return both
        }

        func say(_ line: String, _ member: ChatMember) {
            now = now.advanced(by: .seconds(1))
            chat.receive(Array(line.utf8), from: member, at: now)
        }
    }

    @Test func aLineReachesEverybodyElse() {
        let hall = Hall()
        let (anna, bob) = (hall.join("anna"), hall.join("bob"))
        #expect(anna.peer.take() == ["* bob joined lobby"])
        hall.say("hello", anna.member)
        #expect(bob.peer.take() == ["<anna> hello"])
        #expect(anna.peer.take() == [])
        #expect(hall.chat.statistics.delivered == 1)
    }

    @Test func aNameIsTakenOnce() {
        let hall = Hall()
        let anna = hall.join("Anna")
        let other = hall.connect()
        hall.say("aNNa", other.member)
        #expect(other.peer.take().last == "! the name aNNa is taken")
        hall.say("hello world", other.member)
        #expect(other.peer.take().last?.hasPrefix("! a name consists of") == true)
        hall.say("/who", other.member)
        #expect(other.peer.take() == ["! enter your name first"])
        hall.say("/nick otto", other.member)
        #expect(other.peer.take().first == "* welcome, otto")
        _ = anna.peer.take()
        hall.say("/nick OTTO", other.member)
        #expect(anna.peer.take() == ["* otto is now called OTTO"])
        hall.say("/nick anna", other.member)
        #expect(other.peer.take().last == "! the name anna is taken")
        // Who is gone leaves the name to others.
        hall.chat.disconnect(anna.member, .lost, at: hall.now)
        hall.say("/nick anna", other.member)
        #expect(other.peer.take().last == "* OTTO is now called anna")
    }

    @Test func roomsAreApart() {
        let hall = Hall()
        let (anna, bob, carl) = (hall.join("anna"), hall.join("bob"), hall.join("carl"))
        hall.say("/join den", anna.member)
        hall.say("/join Den", bob.member)
        _ = (anna.peer.take(), bob.peer.take(), carl.peer.take())
        hall.say("psst", anna.member)
        #expect(bob.peer.take() == ["<anna> psst"])
        #expect(carl.peer.take() == [])
        hall.say("/rooms", carl.member)
        #expect(carl.peer.take() == ["* rooms: den (2), lobby (1)"])
        hall.say("/who", bob.member)
        #expect(bob.peer.take() == ["* 2 in den: anna, bob"])
        hall.say("/msg CARL secret", anna.member)
        #expect(carl.peer.take() == ["[anna] secret"])
        #expect(bob.peer.take() == [])
        hall.say("/leave", bob.member)
        #expect(anna.peer.take() == ["* bob left"])
        #expect(carl.peer.take() == ["* bob joined lobby"])
        hall.say("/leave", anna.member)
        #expect(hall.chat.rooms.count == 1, "an empty room is gone")
        hall.say("/leave", anna.member)
        #expect(anna.peer.take().last == "! you are already in lobby")
    }

    @Test func newMembersSeeTheLastLines() {
        var limits = ChatLimits()
        limits.history = 3
        let hall = Hall(limits)
        let anna = hall.join("anna")
        for number in 1...5 { hall.say("line \(number)", anna.member) }
        let bob = hall.connect()
        hall.say("bob", bob.member)
        #expect(
            bob.peer.take().suffix(5) == [
                "* you are in lobby, with 1 others", "* the last 3 lines:", "<anna> line 3", "<anna> line 4",
                "<anna> line 5",
            ])
    }

    @Test func roomsAndMembersAreLimited() {
        var limits = ChatLimits()
        (limits.rooms, limits.membersPerRoom) = (2, 2)
        let hall = Hall(limits)
        let (anna, _) = (hall.join("anna"), hall.join("bob"))
        let third = hall.connect()
        hall.say("carl", third.member)
        #expect(third.peer.take().last == "! the lobby is full; try again later")
        hall.say("/join one", anna.member)
        hall.say("carl", third.member)
        hall.say("/join two", third.member)
        #expect(third.peer.take().last == "! the limit of 2 rooms is reached")
        hall.say("/leave", anna.member)
        #expect(anna.peer.take().last == "! lobby is full")
    }

    @Test func aFloodIsWarnedOnceAndThenDropped() {
        var limits = ChatLimits()
        (limits.burst, limits.excess) = (3, 4)
        let hall = Hall(limits)
        let (anna, bob) = (hall.join("anna"), hall.join("bob"))
        _ = bob.peer.take()
        hall.now = hall.now.advanced(by: .seconds(60))
        for number in 1...20 { hall.chat.receive(Array("\(number)".utf8), from: anna.member, at: hall.now) }
        #expect(bob.peer.take() == ["<anna> 1", "<anna> 2", "<anna> 3", "* anna was dropped: flooding"])
        let told = anna.peer.take()
        #expect(told.filter { $0.hasPrefix("! slow down") }.count == 1)
        #expect(told.last == "! you sent too many lines and are dropped")
        #expect(anna.peer.wasClosed)
        #expect(hall.chat.statistics.droppedAsFlood == 1)
    }

    @Test(arguments: [(4, false), (5, false), (9, false), (12, true), (100, true)])
    func whoSendsMoreThanTwiceTheAllowanceForLongIsDropped(_ perSecond: Int, _ isDropped: Bool) {
        let hall = Hall()
        let anna = hall.join("anna")
        hall.now = hall.now.advanced(by: .seconds(60))
        for _ in 0..<60 * perSecond {
            hall.now = hall.now.advanced(by: .seconds(1) / perSecond)
            hall.chat.receive([0x61], from: anna.member, at: hall.now)
        }
        #expect(anna.peer.wasClosed == isDropped)
        #expect(hall.chat.statistics.said <= 60 * 5 + 10)
    }

    @Test func badLinesAreRejectedAndNotDelivered() {
        let hall = Hall()
        let (anna, bob) = (hall.join("anna"), hall.join("bob"))
        _ = anna.peer.take()
        for bytes in [[0xff, 0xfe], Array("\u{1b}[31m".utf8), [0x61, 0xc3]] as [[UInt8]] {
            hall.now = hall.now.advanced(by: .seconds(1))
            hall.chat.receive(bytes, from: anna.member, at: hall.now)
            #expect(anna.peer.take().count == 1)
        }
        hall.say("   ", anna.member)
        #expect(anna.peer.take() == [])
        #expect(bob.peer.take() == [])
    }

    @Test func manyNamesAreCut() {
        #expect(ChatLine.list((0..<150).map { "n\($0)" }).hasSuffix("n99 and 50 more"))
    }

    // MARK: Several servers

    /// Everything that a server tells.
    final class Wire: ChatBackplane {
        var told: [ChatEvent.Content] = []
        func publish(_ content: ChatEvent.Content) { told.append(content) }
    }

    @Test func eventsBetweenServersArriveUnchanged() throws {
        let (anna, den) = (try ChatName("änna"), try ChatName("den"))
        let contents: [ChatEvent.Content] = [
            .said(room: den, by: anna, text: "héllo  there"), .joined(room: den, anna),
            .left(room: den, anna, .tooSlow),
            .renamed(room: den, from: anna, to: try ChatName("b")), .hello, .alive, .gone,
            .whispered(to: anna, at: "b", by: anna, text: String(repeating: "x", count: 1_024)),
            .here(room: den, try (0..<64).map { try ChatName("member\($0)") }),
        ]
        for content in contents {
            let event = ChatEvent(origin: .max, server: "b", content)
            #expect(try ChatEvent(event.bytes) == event)
        }
    }

    @Test(arguments: [
        "", "1", "1\tff\tb", "2\tff\tb\thello", "1\tfff\tb\thello\t", "1\t+f\tb\thello", "1\t-1\tb\thello",
        "1\tff\tB\thello", "1\tff\tb\tsaid\tlobby\tanna", "1\tff\tb\tsaid\tlobby\ta b\thi",
        "1\tff\tb\tsaid\tlobby\tanna\t\u{1b}[2J", "1\tff\tb\tleft\tlobby\tanna\tbecause", "1\tff\tb\there\tlobby",
        "1\tff\tb\tsaid\tlobby\tanna\t", "1\tff\tb\tsaid\tlobby\tanna\t   ",
        "1\tff\tb\tsaid\tlobby\tanna\thi\nthere", "1\tff\tb\tsaid\tlobby\tanna\thi\r",
        "1\tff\tb\tsaid\tlobby\tanna\tturned \u{202e}round", "1\tff\tb\tsaid\tlobby\tanna\t\u{9b}2J",
        "1\tff\tb\tsaid\tlobby\tanna\t" + String(repeating: "x", count: 1_025),
        "1\tff\tb\tsaid\tlobby\tanna\t" + String(repeating: "\u{e4}", count: 513),
        "1\tff\tb\tsaid\tlobby\tanna@c\thi", "1\tff\tb\tsaid\tlobby\t<anna\thi", "1\tff\tb\tsaid\tlobby\t\thi",
        "1\tff\tb\tsaid\tlo bby\tanna\thi", "1\tff\tb\tsaid\t" + String(repeating: "r", count: 25) + "\tanna\thi",
        "1\tff\tb\trenamed\tlobby\tanna\tb\u{1b}", "1\tff\tb\there\tlobby\tanna\tbob@a",
        "1\tff\tb\twhispered\tanna\ta\tbob\t" + String(repeating: "x", count: 1_025),
        "1\tff\tb\twhispered\tanna\tA!\tbob\thi", "1\tff\tb\twhispered\tanna\ta\tbob\t ",
        "1\t11111111111111111\tb\thello", "42", "[[[[1]]]]", "{\"said\":1}", "1\tff\tb\tsaid\tlobby\tanna\thi\tmore",
        "1\tff\tb\tsaid\tlobby\tanna\t" + String(repeating: "x", count: 9_000),
    ])
    func whatNoServerHasWrittenIsRefused(_ text: String) {
        #expect(throws: ChatRefusal.self) { try ChatEvent(Array(text.utf8)) }
    }

    @Test func bytesThatAreNoUTF8AreRefused() {
        for bytes in [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]] as [[UInt8]] {
            #expect(throws: ChatRefusal.self) {
                try ChatEvent(Array("1\tff\tb\tsaid\tlobby\tanna\t".utf8) + bytes)
            }
        }
    }

    /// The bound is that of this server's own members.
    @Test func aLineOfOthersIsAsLongAsALineHere() throws {
        var limits = ChatLimits()
        limits.lineBytes = 10
        let start = "1\tff\tb\tsaid\tlobby\tanna\t"
        #expect(throws: Never.self) { try ChatEvent(Array((start + "0123456789").utf8), limits) }
        #expect(throws: ChatRefusal("a line of 11 bytes, of at most 10")) {
            try ChatEvent(Array((start + "01234567890").utf8), limits)
        }
    }

    @Test func aServerThatChangesItsNameIsRefused() {
        let hall = Hall()
        #expect(hall.chat.receive(ChatEvent(origin: 7, server: "b", .hello), at: hall.now))
        #expect(!hall.chat.receive(ChatEvent(origin: 7, server: "c", .alive), at: hall.now))
        #expect(hall.chat.receive(ChatEvent(origin: 7, server: "b", .gone), at: hall.now))
    }

    // MARK: Those who come and go

    @Test func manyChangesAreOneLine() {
        let hall = Hall()
        let anna = hall.join("anna")
        _ = anna.peer.take()
        func comeAndGo(_ number: Int) {
            let guest = hall.connect()
            hall.chat.receive(Array("guest\(number)".utf8), from: guest.member, at: hall.now)
            hall.chat.receive(Array("/quit".utf8), from: guest.member, at: hall.now)
        }
        hall.now = hall.now.advanced(by: .seconds(60))
        for number in 0..<500 { comeAndGo(number) }
        let lines = anna.peer.take()
        #expect(lines.count == 20 && lines.last == "* guest9 left")
        #expect(hall.chat.statistics.countedChanges == 980)
        hall.chat.settle(at: hall.now)
        #expect(anna.peer.take() == [], "there is no token yet")
        hall.now = hall.now.advanced(by: .seconds(1))
        hall.chat.settle(at: hall.now)
        #expect(anna.peer.take() == ["* lobby: 490 joined, 490 left, too many at once to name them"])
        hall.now = hall.now.advanced(by: .seconds(60))
        comeAndGo(1)
        #expect(anna.peer.take() == ["* guest1 joined lobby", "* guest1 left"])
    }

    /// What other servers report of their members has the same bound.
    @Test func manyChangesElsewhereAreOneLineToo() throws {
        let hall = Hall()
        let anna = hall.join("anna")
        let (lobby, bob) = (try ChatName("lobby"), try ChatName("bob"))
        hall.now = hall.now.advanced(by: .seconds(60))
        for _ in 0..<200 {
            let changes: [ChatEvent.Content] = [
                .joined(room: lobby, bob), .renamed(room: lobby, from: bob, to: try ChatName("rob")),
                .left(room: lobby, try ChatName("rob"), .left), .joined(room: lobby, bob), .gone,
            ]
            for content in changes {
                hall.chat.receive(ChatEvent(origin: 7, server: "b", content), at: hall.now)
            }
        }
        #expect(anna.peer.take().count == 20)
        hall.now = hall.now.advanced(by: .seconds(1))
        hall.chat.settle(at: hall.now)
        #expect(anna.peer.take().count == 1)
        #expect(hall.chat.statistics.countedChanges == 980)
    }

    @Test func anAddressLetsSoManyIn() {
        var limits = ChatLimits()
        (limits.entriesPerSecond, limits.entryBurst) = (1, 3)
        var entrances = ChatEntrances(limits)
        var now = MonotonicTime(nanoseconds: 0)
        func admitted(_ addresses: UInt64...) -> [Bool] {
            var all: [Bool] = []
            for address in addresses { all.append(entrances.admit(address, at: now)) }
            return all
        }
        #expect(admitted(1, 1, 1, 1, 2) == [true, true, true, false, true])
        now = now.advanced(by: .seconds(1))
        #expect(admitted(1, 1) == [true, false])
        // Any number of addresses costs bounded memory: those beyond the bound share one allowance, and an address whose
        // allowance is full again makes room.
        for address in 10..<(10 + 4_094) as Range<UInt64> { _ = entrances.admit(address, at: now) }
        #expect(admitted(10_000, 10_001, 10_002, 10_003, 10_004) == [true, true, true, true, false])
        now = now.advanced(by: .seconds(60))
        #expect(admitted(20_000) == [true])
    }

    @Test func roomsOfSeveralServersAreOne() throws {
        let hall = Hall()
        let wire = Wire()
        hall.chat.backplane = wire
        let anna = hall.join("anna")
        #expect(wire.told == [.joined(room: try ChatName("lobby"), try ChatName("anna"))])
        wire.told = []
        let (lobby, bob) = (try ChatName("lobby"), try ChatName("bob"))
        func tell(_ content: ChatEvent.Content) {
            hall.chat.receive(ChatEvent(origin: 7, server: "b", content), at: hall.now)
        }
        tell(.joined(room: lobby, bob))
        tell(.said(room: lobby, by: bob, text: "hi"))
        tell(.said(room: try ChatName("elsewhere"), by: bob, text: "hi"))
        #expect(anna.peer.take() == ["* bob@b joined lobby", "<bob@b> hi"])
        #expect(wire.told == [], "what others tell is not told again")
        hall.say("/who", anna.member)
        #expect(anna.peer.take() == ["* 2 in lobby: anna, bob@b"])
        hall.say("/msg bob@b psst", anna.member)
        hall.say("/msg bob@c psst", anna.member)
        hall.say("/msg bob psst", anna.member)
        #expect(anna.peer.take() == ["! no member is called bob@c", "! no member is called bob"])
        #expect(wire.told == [.whispered(to: bob, at: "b", by: try ChatName("anna"), text: "psst")])
        tell(.whispered(to: try ChatName("anna"), at: "a", by: bob, text: "yes?"))
        tell(.whispered(to: try ChatName("anna"), at: "x", by: bob, text: "no"))
        #expect(anna.peer.take() == ["[bob@b] yes?"])
        // A server that is not heard of is forgotten.
        hall.chat.forgetServers(silentSince: hall.now.advanced(by: .seconds(1)), at: hall.now)
        #expect(anna.peer.take() == ["* 1 members of b are gone with their server"])
        hall.say("/who", anna.member)
        #expect(anna.peer.take() == ["* 1 in lobby: anna"])
    }

    @Test func anIncomingServerReceivesTheMembers() throws {
        let hall = Hall()
        for number in 0..<130 { _ = hall.join("m\(number)") }
        let wire = Wire()
        hall.chat.backplane = wire
        hall.chat.receive(ChatEvent(origin: 7, server: "b", .hello), at: hall.now)
        let other = ChatServer(name: "c")
        for content in wire.told { other.receive(ChatEvent(origin: 9, server: "a", content), at: hall.now) }
        #expect(wire.told.count == 3)
        #expect(other.remote.count(in: try ChatName("lobby")) == 130)
    }

    @Test func whatServersClaimIsBounded() throws {
        let hall = Hall()
        for origin in 0..<100 as Range<UInt64> {
            let isTaken = hall.chat.receive(ChatEvent(origin: origin, server: "b", .alive), at: hall.now)
            #expect(isTaken == (origin < 64))
        }
        #expect(!hall.chat.receive(ChatEvent(origin: 1, server: "a", .hello), at: hall.now), "its own name")
        let (lobby, remote) = (try ChatName("lobby"), hall.chat.remote)
        for number in 0..<25_000 { remote.put(try ChatName("m\(number)"), in: lobby, at: 1) }
        #expect(remote.count(in: lobby) == 20_000)
        remote.remove(try ChatName("m0"), from: try ChatName("den"), at: 1)
        remote.remove(try ChatName("m1"), from: lobby, at: 1)
        remote.put(try ChatName("m24999"), in: lobby, at: 1)
        remote.put(try ChatName("m24998"), in: lobby, at: 1)
        #expect(remote.count(in: lobby) == 20_000)
        remote.forget(1)
        remote.put(try ChatName("m"), in: lobby, at: 2)
        #expect(remote.count(in: lobby) == 1)
    }
}
