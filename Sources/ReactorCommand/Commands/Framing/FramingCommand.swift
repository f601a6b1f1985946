// `reactor framing`: shows that a stream has no message boundaries, and how framing restores them.

import ArgumentParser
import Demos
import Reactor

struct FramingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "framing",
        abstract:
            "Show that TCP has no message boundaries: the same messages, raw and framed, byte by byte.",
        discussion: """
            Sends messages over a loopback connection whose two ends run on one event loop: first with one send per \
            message and a receiver that reads late, then cut into pieces, as a network may cut them. Try it with:

              reactor framing
              reactor framing --messages ping pong '' --framing raw,length --cut 3
              reactor framing --trace 2>&1 | grep -E 'send|recv'
            """)

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "The messages to send; '' is an empty message.", valueName: "text"))
    var messages = ["hello", "how are you?", "fine"]

    @Option(
        help: ArgumentHelp(
            "Framings to try, separated by commas: raw (no framing), lines, length. (default: all three)",
            valueName: "names"),
        transform: FramingCommand.parseFramings)
    var framing = FramingMethod.allCases

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Bytes per piece when the stream is cut. (default: 7)", valueName: "n"),
        transform: CountArgument.parse)
    var cut = 7

    @OptionGroup var options: ExperimentOptions

    func validate() throws {
        if messages.count > FramingPlan.mostMessages {
            throw ValidationError("too many --messages; use at most \(FramingPlan.mostMessages)")
        }
        if messages.reduce(0, { $0 + $1.utf8.count }) > FramingPlan.mostBytes {
            throw ValidationError("--messages are too long; use at most \(FramingPlan.mostBytes) bytes in total")
        }
    }

    func run() throws {
        let output = try options.json.map(JSONOutput.init)
        let bytes = messages.map { Array($0.utf8) }
        var report = FramingReport(messages: bytes.map(FramingReport.Bytes.init))
        if options.printsText { Self.show("what is sent", FramingDrawing.messages(bytes)) }
        for framing in framing {
            let plans = [FramingDelivery.readLate, .cut(every: cut)].map { FramingPlan(bytes, framing, $0) }
            if let number = plans[0].unsendable {
                report.tries.append(FramingReport.Try(framing, refusing: number))
                if options.printsText {
                    StandardOutput.print(
                        "\(framing): message \(number) cannot be sent: its end would be found too early\n")
                }
                continue
            }
            if options.printsText && framing != .raw {
                Self.show(Self.explain(framing), FramingDrawing.wire(plans[0]))
            }
            for plan in plans {
                let result = try attempt(plan)
                report.tries.append(FramingReport.Try(result))
                if options.printsText {
                    Self.show(
                        "\(framing), \(Self.explain(plan.delivery)): \(FramingDrawing.verdict(result))",
                        FramingDrawing.receives(result))
                }
            }
        }
        try output?.write(report)
    }

    /// Runs one attempt on a loop of its own.
    private func attempt(_ plan: FramingPlan) throws -> FramingResult {
        let loop = try options.makeLoop()
        var result: Result<FramingResult, SocketError>?
        let experiment = FramingExperiment(plan, on: loop) {
            result = $0
            loop.stop()
        }
        do throws(SocketError) {
            do throws(SocketError) {
                try experiment.begin()
            } catch {
                loop.shutdown()
                throw error
            }
            try loop.run()
            guard let result else { throw SocketError(.start, subject: "a loop", reason: "it ended early") }
            return try result.get()
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    private static func show(_ title: String, _ rows: [String]) {
        StandardOutput.print(([title] + rows).joined(separator: "\n") + "\n")
    }

    private static func explain(_ framing: FramingMethod) -> String {
        switch framing {
        case .raw: "raw"
        case .lines: "lines: each message ends with a newline, which no message may contain"
        case .length: "length: each message follows its length, 32 bits in network byte order"
        }
    }

    private static func explain(_ delivery: FramingDelivery) -> String {
        switch delivery {
        case .readLate: "read late"
        case .cut(let size): "cut every \(size) bytes"
        }
    }

    private static func parseFramings(_ text: String) throws -> [FramingMethod] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map {
            guard let framing = FramingMethod(rawValue: String($0)) else {
                throw ValidationError("use \(FramingMethod.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return framing
        }
    }
}

/// The document that `--json` writes.
struct FramingReport: Encodable {
    struct Bytes: Encodable {
        let text: String
        let hex: String

        init(_ bytes: [UInt8]) {
            text = String(decoding: bytes, as: UTF8.self)
            hex = FramingDrawing.hex(bytes)
        }
    }

    struct Try: Encodable {
        let framing: FramingMethod
        /// Bytes per piece; absent if the receiver read late.
        var cut: Int?
        var receives: [Bytes] = []
        var messages: [Bytes] = []
        var isAsSent = false
        /// The number of the first message that the framing cannot carry; absent if it can carry all.
        var cannotCarry: Int?

        init(_ result: FramingResult) {
            framing = result.plan.framing
            if case .cut(let size) = result.plan.delivery { cut = size }
            receives = result.receives.map(Bytes.init)
            messages = result.messages.map(Bytes.init)
            isAsSent = result.isAsSent
        }

        init(_ framing: FramingMethod, refusing number: Int) {
            self.framing = framing
            cannotCarry = number
        }
    }

    let messages: [Bytes]
    var tries: [Try] = []
}
