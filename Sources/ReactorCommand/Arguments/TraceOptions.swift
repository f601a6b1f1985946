// `--trace` and `--trace-bytes`: a line per system call, readiness event and callback.

import ArgumentParser
import Reactor

struct TraceOptions: ParsableArguments {
    @Flag(
        name: .customLong("trace"),
        help: "Print a line per system call, readiness event and callback to standard error.")
    var isOn = false

    @Flag(
        name: .customLong("trace-bytes"),
        help: "As --trace, and also show the first bytes sent and received, passwords included.")
    var showsBytes = false

    /// Whether tracing is on.
    var isWanted: Bool { isOn || showsBytes }

    /// Returns the kernel for a loop; with tracing on, it writes each line of the trace to `output`.
    func kernel(_ output: @escaping (String) -> Void) -> any SystemCalls {
        isWanted ? TracingKernel(showsBytes: showsBytes, output: output) : LinuxKernel.shared
    }

    /// The kernel for the loop of a client or a tool; its trace goes to standard error.
    var kernel: any SystemCalls { kernel { StandardError.write($0 + "\n") } }
}
