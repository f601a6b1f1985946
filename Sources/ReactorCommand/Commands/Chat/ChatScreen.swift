// A chat on a terminal: incoming lines scroll up, and the line being typed stays intact in the last row.

import Demos
import Reactor

/// The screen of a chat: keys in, rows out.
final class ChatScreen {
    private static let prompt = "> "
    private let terminal: RawTerminal
    private let output: ChatOutput
    private var editor = LineEditor()
    private var input: InputWatch?
    private var hasEnded = false

    init(_ terminal: RawTerminal, _ output: ChatOutput) {
        self.terminal = terminal
        self.output = output
    }

    /// Switches the terminal to raw mode and starts reading keys. `leaving` is called when the user asks to leave.
    func begin(on loop: EventLoop, _ client: ChatClient, leaving: @escaping () -> Void) throws(SocketError) {
        terminal.makeRaw()
        output.completed = { [self] in
            hasEnded ? "" : editor.rendering(prompt: Self.prompt, columns: Terminal.size.columns)
        }
        input = try InputWatch(
            on: loop,
            received: { [self] keys in
                for event in editor.receive(keys) { happened(event, client, leaving) }
                redraw()
            },
            ended: { [self] in happened(.ended, client, leaving) })
        redraw()
    }

    /// Shows a line above the one being typed.
    func show(_ line: String) { output.write(LineEditor.erasure + line + "\n") }

    /// Redraws the line being typed.
    func redraw() { output.write("") }

    private func happened(_ event: LineEditor.Event, _ client: ChatClient, _ leaving: () -> Void) {
        switch event {
        case .line(let line):
            guard !line.isEmpty else { return }
            output.write(LineEditor.erasure + Self.prompt + line + "\n")
            client.send(line.utf8)
        case .ended, .interrupted:
            guard !hasEnded else { return }
            hasEnded = true
            output.write(LineEditor.erasure)
            leaving()
            client.send("/quit".utf8)
            client.finish()
        }
    }
}
