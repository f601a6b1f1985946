// `reactor login lock` and `unlock`: disable a user and enable it again, with the same password.

import ArgumentParser
import Demos
import SystemPackage

/// The arguments that name a user in a users' file.
struct LoginUserArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The users' file.", valueName: "file"))
    var users: String

    @Argument(help: "The user's name.")
    var name: String

    func validate() throws {
        if !UserList.isName(Array(name.utf8)) {
            throw ValidationError("invalid user name '\(name)'; use 1 to 32 letters, digits, '-', '_' or '.'")
        }
    }
}

struct LoginLockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Lock a user out, keeping the password.",
        discussion: """
            Try it with:  reactor login lock --users users.txt anna
            Puts a '!' in front of the hash in the file, as 'passwd -l' does; a hash that begins with '!' or '*' is \
            locked. A running server refuses the next login; established connections stay.
            """)

    @OptionGroup var user: LoginUserArguments

    func run() throws {
        try UserFileEditor.apply(.lock, to: user.name, in: FilePath(user.users))
        StandardOutput.print("\(user.name) is locked")
    }
}

struct LoginUnlockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock",
        abstract: "Let a locked user log in again, with the same password.",
        discussion: "Try it with:  reactor login unlock --users users.txt anna")

    @OptionGroup var user: LoginUserArguments

    func run() throws {
        try UserFileEditor.apply(.unlock, to: user.name, in: FilePath(user.users))
        StandardOutput.print("\(user.name) can log in")
    }
}
