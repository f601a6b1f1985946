// The options of a TFTP transfer, shared by `get` and `put`.

import ArgumentParser
import Demos
import Reactor
import ReactorTFTP

struct TransferOptions: ParsableArguments {
    private static let defaults = TFTPSettings()

    @Option(
        help: ArgumentHelp(
            "octet: unchanged bytes; netascii: text, with CR LF line ends on the wire. (default: octet)",
            valueName: "mode"),
        transform: TFTPArgument.parseMode)
    var mode = TFTPMode.octet

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Bytes per block, 8 to 65464; 512 sends no option. (default: 1428)", valueName: "n"),
        transform: CountArgument.within(8...65_464))
    var blockSize = TransferOptions.defaults.blockSize

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Blocks per acknowledgement, 1 to 1000; 1 sends no option. (default: 16)", valueName: "n"),
        transform: CountArgument.within(1...1000))
    var window = TransferOptions.defaults.windowSize

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Request this retransmission timeout in seconds, 1 to 255. (default: adapts to the network)",
            valueName: "n"),
        transform: CountArgument.within(1...255))
    var timeout: Int?

    @Flag(help: "Send no options, as in RFC 1350: blocks of 512 bytes, one at a time.")
    var plain = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Give up after this long without a packet. (default: 20s)", valueName: "time"),
        transform: DurationArgument.required)
    var patience = TransferOptions.defaults.patience

    @OptionGroup var selector: BackendOptions

    @OptionGroup var trace: TraceOptions

    @Option(help: ArgumentHelp("Write the result as JSON to this file; '-' is standard output.", valueName: "file"))
    var json: String?

    /// The settings for the TFTP client.
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

    /// The kernel for the client's loop.
    var kernel: any SystemCalls { trace.kernel }
}
