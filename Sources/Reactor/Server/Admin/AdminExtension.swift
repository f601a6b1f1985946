// Commands that a program adds to the admin socket of its server. Every loop first gathers what it knows, on its own
// thread, into state that the program shares among its loops; the first loop then composes the reply from that state.

/// The commands of a program on the admin socket.
package struct AdminExtension: Sendable {
    /// The usage of each command and what it does, for `help`. The first word of a usage is the command's name.
    let commands: [(usage: String, text: String)]
    /// Composes the reply to a command's words, or the reason why they are invalid.
    let reply: @Sendable ([String]) -> Result<AdminValue, AdminExtensionError>

    package init(
        commands: [(usage: String, text: String)],
        reply: @escaping @Sendable ([String]) -> Result<AdminValue, AdminExtensionError>
    ) {
        self.commands = commands
        self.reply = reply
    }

    /// Returns whether a command with this name exists.
    func has(_ name: Substring) -> Bool {
        commands.contains { $0.usage == name || $0.usage.hasPrefix("\(name) ") }
    }
}

/// The reason why a program's command is invalid.
package struct AdminExtensionError: Error {
    let text: String

    package init(_ text: String) { self.text = text }
}

/// A command of a program, as it was received.
struct AdminExtendedCommand: Equatable, Sendable {
    let words: [String]
    let program: AdminExtension

    static func == (left: Self, right: Self) -> Bool { left.words == right.words }
}

extension EventLoop {
    /// Adds a program's commands to the admin socket of this loop, the first one of its server.
    package func extendAdministration(with commands: AdminExtension) { administration.program = commands }

    /// Sets what this loop does before the reply to a program's command is composed.
    package func gatherForAdministration(_ gather: @escaping () -> Void) { administration.gather = gather }
}
