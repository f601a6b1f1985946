// Runs look-ups for a user on a loop's workers, which may block. Each result is printed as it arrives; failures go to
// standard error.

import ArgumentParser
import Demos
import Reactor

/// The run of a look-up command.
enum ResolveProgram {
    /// How long a look-up may take before a progress line names it.
    private static let patience = Duration.seconds(1)

    /// Runs all look-ups and prints their results.
    ///
    /// - Parameters:
    ///   - queries: the names, addresses, services or ports to look up.
    ///   - options: the back end, the trace and the JSON file.
    ///   - row: returns the text of a result, which is printed after its query; further lines are indented below the
    ///     first.
    ///   - work: returns the look-up function for the loop's resolver.
    /// - Throws: `ExitCode` 1 when something was not found, ``CommandFailure`` when the loop or the output fails.
    static func run(
        _ queries: [String], _ options: ExperimentOptions, row: @escaping (ResolveResult) -> String,
        _ work: (any NameResolver) -> @Sendable (String) throws(SocketError) -> [ResolveResult]
    ) throws {
        let output = try options.json.map(JSONOutput.init)
        let loop = try options.makeLoop()
        let live = StandardError.isTerminal ? LiveLine() : nil
        let width = queries.map(\.count).max() ?? 0
        var outcomes: [ResolveOutcome] = []
        let run = ResolveRun(
            queries, on: loop, work: work(loop.resolver),
            onOutcome: { outcome in
                live?.clear()
                outcomes.append(outcome)
                if let error = outcome.error { StandardError.write("reactor: \(error)\n") }
                guard options.printsText else { return }
                let query = outcome.query + String(repeating: " ", count: width - outcome.query.count)
                for result in outcome.results {
                    let indentation = "\n" + String(repeating: " ", count: width + 2)
                    StandardOutput.print(
                        "\(query)  \(row(result).split(separator: "\n").joined(separator: indentation))")
                }
            },
            onEnd: { loop.stop() })
        run.begin()
        if let live {
            loop.schedule(after: patience, repeating: patience) { [unowned run] in
                if let query = run.awaited { live.show("waiting for the system's resolver: \(query)") }
            }
        }
        do throws(SocketError) { try loop.run() } catch { throw CommandFailure("\(error)") }
        try output?.write(outcomes)
        if outcomes.contains(where: { $0.error != nil }) { throw ExitCode(1) }
    }

    /// Returns the row of a service: its name, its port as a number and as bytes, and its aliases.
    static func serviceRow(_ result: ResolveResult) -> String {
        let aliases = result.aliases.map { "  (also \($0.joined(separator: ", ")))" } ?? ""
        return
            "\(result.name ?? "")  \(result.port ?? 0)/\(result.transport ?? "")  on the wire \(result.networkBytes ?? "")\(aliases)"
    }

    /// Returns the row of an address: its bytes, and for IPv4 the two numbers that programs read from them.
    static func bytesRow(_ result: ResolveResult) -> String {
        var row = "\(result.family ?? "")  on the wire \(result.networkBytes ?? "")"
        if let number = result.number, let swapped = result.littleEndianNumber {
            row += "\nthe number \(number), or \(swapped) if a little-endian machine omits ntohl"
        }
        return row
    }
}
