// `reactor login lock` and `unlock`: who may log in, without a new password.

import ArgumentParser
import Demos
import SystemPackage

/// A user of a users' file.
struct LoginUserArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The users' file.", valueName: "file"))
    var users: String

    @Argument(help: "The user.")
    var name: String

    func validate() throws {
        if !UserList.isName(Array(name.utf8)) {
            throw ValidationError("'\(name)' is no name: use 1 to 32 letters, digits, '-', '_' or '.'")
        }
    }
}

struct LoginLockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Lock a user out; the password is kept.",
        discussion: """
            Try it with:  reactor login lock --users users.txt anna
            The hash in the file gets a '!' in front, as passwd -l does it; any hash that begins with '!' or '*' is locked. \
            A server that runs refuses the next login; connections that are logged in stay.
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
        abstract: "Let a locked user in again, with the same password.",
        discussion: "Try it with:  reactor login unlock --users users.txt anna")

    @OptionGroup var user: LoginUserArguments

    func run() throws {
        try UserFileEditor.apply(.unlock, to: user.name, in: FilePath(user.users))
        StandardOutput.print("\(user.name) can log in")
    }
}
