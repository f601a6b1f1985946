// How a client's transfer is to be, on the command line: the options that `get` and `put` have in common.

import ArgumentParser
import Demos
import Reactor
import ReactorTFTP

struct TransferOptions: ParsableArguments {
    private static let defaults = TFTPSettings()

    @Option(
        help: ArgumentHelp(
            "octet: the bytes as they are; netascii: text, its lines ended by CR LF on the way. (default: octet)",
            valueName: "mode"),
        transform: TFTPArgument.parseMode)
    var mode = TFTPMode.octet

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Bytes of a block, 8 to 65464; 512 does not ask for it. (default: 1428)", valueName: "n"),
        transform: CountArgument.within(8...65_464))
    var blockSize = TransferOptions.defaults.blockSize

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Blocks for one acknowledgement, 1 to 1000; 1 does not ask for it. (default: 16)", valueName: "n"),
        transform: CountArgument.within(1...1000))
    var window = TransferOptions.defaults.windowSize

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Ask for this many seconds until a packet is sent again, 1 to 255. (default: adapts to the network)",
            valueName: "n"),
        transform: CountArgument.within(1...255))
    var timeout: Int?

    @Flag(help: "Ask for nothing, as RFC 1350 has it: blocks of 512 bytes, one at a time.")
    var plain = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long the server may be silent. (default: 20s)", valueName: "time"),
        transform: DurationArgument.required)
    var patience = TransferOptions.defaults.patience

    @Option(
        help: ArgumentHelp(
            "How the loop finds out what is ready: \(BackendArgument.names). (default: epoll-lt)", valueName: "name"),
        transform: BackendArgument.parse)
    var backend = Backend.epoll(.levelTriggered)

    @OptionGroup var trace: TraceOptions

    @Option(help: ArgumentHelp("Writes the outcome as JSON; '-' is standard output.", valueName: "file"))
    var json: String?

    /// As the client takes them.
    var settings: TFTPSettings {
        var settings = TFTPSettings()
        settings.mode = mode
        settings.patience = patience
        settings.sharesSize = !plain
        settings.blockSize = plain ? 512 : blockSize
        settings.windowSize = plain ? 1 : window
        settings.timeout = plain ? nil : timeout
        return settings
    }

    /// The system that the client's loop runs on.
    var kernel: any SystemCalls { trace.kernel }
}
