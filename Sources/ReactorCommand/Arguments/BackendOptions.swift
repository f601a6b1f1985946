// `--backend`: the selector of a command's event loop.

import ArgumentParser
import Reactor

/// The option that chooses an event loop's selector.
struct BackendOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The event loop's selector: \(BackendArgument.names). (default: epoll-lt)", valueName: "name"),
        transform: BackendArgument.parse)
    var backend = Backend.epoll(.levelTriggered)
}
