// `--trace`: what a loop asks of the system, line by line.

import ArgumentParser
import Reactor

struct TraceOptions: ParsableArguments {
    @Flag(
        name: .customLong("trace"),
        help: "Print each system call, readiness event and callback to standard error, one line each.")
    var isOn = false

    @Flag(
        name: .customLong("trace-bytes"),
        help: "As --trace, with the first bytes of what is sent and received: passwords are shown as well.")
    var showsBytes = false

    /// Whether anything is traced.
    var isWanted: Bool { isOn || showsBytes }

    /// The system that a loop runs on; its trace goes to `output`.
    func kernel(_ output: @escaping (String) -> Void) -> any SystemCalls {
        isWanted ? TracingKernel(showsBytes: showsBytes, output: output) : LinuxKernel.shared
    }

    /// The system that the loop of a client or a tool runs on.
    var kernel: any SystemCalls { kernel { StandardError.write($0 + "\n") } }
}
