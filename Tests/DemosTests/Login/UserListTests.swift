// The users' file as bytes: what a line means, whom a bad one locks out, and what a change leaves as it was.

import Testing

@testable import Demos

@Suite(.timeLimit(.minutes(20))) struct UserListTests {
    private static func list(_ text: String) -> UserList { UserList(parsing: Array(text.utf8)) }
    private static func hash(_ name: String, _ text: String) -> String? {
        list(text).hash(of: Array(name.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func readsTheUsersFile() {
        let list = Self.list("# users\nanna:$y$j9T$abc$def\n\nBob.B-1_:$6$x$y\r\n#carl:$y$x\nlast:$y$z")
        #expect(list.count == 3 && list.problems.isEmpty)
        #expect(list.hash(of: Array("anna".utf8)) == Array("$y$j9T$abc$def".utf8))
        #expect(list.hash(of: Array("Bob.B-1_".utf8)) == Array("$6$x$y".utf8), "a line may end with CR LF")
        #expect(list.hash(of: Array("last".utf8)) != nil && list.hash(of: Array("carl".utf8)) == nil)
        #expect(list.anyHash == Array("$y$j9T$abc$def".utf8))
        #expect(UserList().anyHash == nil && Self.list("").count == 0)
    }

    /// Lines, and what is said of them; those before and behind them count.
    @Test(arguments: [
        ("bob:!$y$x", "is locked: bob cannot log in"), ("bob:*", "is locked: bob cannot log in"),
        ("bob:!!", "is locked: bob cannot log in"), ("bob:!", "is locked: bob cannot log in"),
        ("bob:", "has no crypt(3) hash: bob cannot log in"), ("bob:x", "has no crypt(3) hash: bob cannot log in"),
        ("bob:$y$x:y", "has no crypt(3) hash: bob cannot log in"),
        ("bob:$y$ x", "has no crypt(3) hash: bob cannot log in"),
        ("bob:$y$x\r\r", "has no crypt(3) hash: bob cannot log in"),
        ("bob", "is not NAME:HASH, and is ignored"), ("\0\u{1b}[2J", "is not NAME:HASH, and is ignored"),
        (":$y$x", "has no valid user name, and is ignored"), ("b ob:$y$x", "has no valid user name, and is ignored"),
        ("b/b:$y$x", "has no valid user name, and is ignored"), ("bób:$y$x", "has no valid user name, and is ignored"),
        ("bob@:$y$x", "has no valid user name, and is ignored"),
    ]) func aBadLineConcernsItsUserOnly(_ line: String, _ words: String) {
        let list = Self.list("anna:$y$a\n\(line)\ncarl:$y$c\n")
        #expect(list.problems.map(\.description) == ["line 2 \(words)"])
        #expect(list.count == 2 && list.hash(of: Array("bob".utf8)) == nil)
        #expect(list.hash(of: Array("anna".utf8)) != nil && list.hash(of: Array("carl".utf8)) != nil)
        // The first line as well: its hash is not what others are compared with.
        #expect(Self.list("\(line)\nanna:$y$a\n").anyHash == Array("$y$a".utf8))
    }

    /// Which of two lines counts cannot be known.
    @Test(arguments: ["anna:$y$x\nanna:$y$z", "anna:$y$x\nanna:!", "anna:!\nanna:$y$z", "anna:$y$x\nanna:$y$x"])
    func aUserNamedTwiceIsLocked(_ text: String) {
        let list = Self.list("\(text)\nbob:$y$b\n")
        #expect(list.count == 1 && list.hash(of: Array("anna".utf8)) == nil && list.anyHash == Array("$y$b".utf8))
        #expect(list.problems.last?.description == "line 2 repeats the user of line 1: anna cannot log in")
    }

    // MARK: Changes

    private static func apply(_ edit: UserListEdit, _ name: String, _ text: String) throws(UserListEdit.Failure)
        -> String
    {
        String(decoding: try edit.apply(to: Array(text.utf8), Array(name.utf8)), as: UTF8.self)
    }

    private static let others = "# anna:$y$old\r\n\n\r\nbad line\nbob:!$y$b\r\n \0\u{7f}\n#\n"
    private static let new = UserListEdit.set(hash: Array("$y$new".utf8), replacing: false)
    private static let again = UserListEdit.set(hash: Array("$y$new".utf8), replacing: true)

    @Test func allOtherLinesStay() throws {
        let others = Self.others
        #expect(try Self.apply(Self.new, "anna", others) == others + "anna:$y$new\n")
        #expect(try Self.apply(Self.new, "anna", "") == "anna:$y$new\n")
        #expect(try Self.apply(Self.new, "anna", "bob:$y$b") == "bob:$y$b\nanna:$y$new\n", "the last line is ended")
        #expect(try Self.apply(Self.new, "anna", "\n\n") == "\n\nanna:$y$new\n")
        let file = "\(others)anna:$y$old\r\n\(others)carl:$y$c"
        #expect(try Self.apply(Self.again, "anna", file) == "\(others)anna:$y$new\r\n\(others)carl:$y$c")
        #expect(try Self.apply(.lock, "anna", file) == "\(others)anna:!$y$old\r\n\(others)carl:$y$c")
        #expect(try Self.apply(.lock, "bob", others) == others, "it is locked already")
        #expect(try Self.apply(.unlock, "bob", others) == others.replacing("bob:!$y$b", with: "bob:$y$b"))
        #expect(try Self.apply(.unlock, "bob", "bob:!!$y$b\n") == "bob:$y$b\n")
        // A second line of the same user goes with the change.
        #expect(try Self.apply(Self.again, "bob", "bob:$y$1\n#\nbob:!\nanna:$y$a") == "bob:$y$new\n#\nanna:$y$a")
        #expect(try Self.apply(Self.again, "bob", "bob:broken") == "bob:$y$new\n")
    }

    @Test func whatCannotBeChangedSaysWhy() {
        let cases: [(UserListEdit, String, String, UserListEdit.Failure)] = [
            (Self.new, "anna", "anna:$y$a\n", .exists), (Self.new, "anna", "anna:!\n", .exists),
            (.lock, "anna", "#anna:$y$a\n", .notFound), (.unlock, "anna", "", .notFound),
            (.unlock, "anna", "anna:!\n", .noHash), (.unlock, "anna", "anna:*\n", .noHash),
            (.unlock, "anna", "anna:!x\n", .noHash),
        ]
        for (edit, name, text, failure) in cases {
            var thrown: UserListEdit.Failure?
            do throws(UserListEdit.Failure) { _ = try Self.apply(edit, name, text) } catch { thrown = error }
            #expect(thrown == failure, "\(text)")
        }
    }
}
