// Looking things up for a user: on a loop whose workers may block, each answer printed as it comes, what was not found on
// standard error.

import ArgumentParser
import Demos
import Reactor

/// What all look-ups on the command line do alike.
enum ResolveRun {
    /// How long the system may take before the user is told what is waited for.
    private static let patience = Duration.seconds(1)

    /// Looks things up and prints what was found.
    ///
    /// - Parameters:
    ///   - row: what is printed of a result, behind the question; its lines stand below each other.
    ///   - work: makes what looks one thing up, for the loop's resolver.
    /// - Throws: `ExitCode` 1 when something was not found.
    static func run(
        _ queries: [String], _ options: ExperimentOptions, row: @escaping (LookUpResult) -> String,
        _ work: (any NameResolver) -> @Sendable (String) throws(SocketError) -> [LookUpResult]
    ) throws {
        let output = try options.json.map(JSONOutput.init)
        let loop = try options.makeLoop()
        let live = StandardError.isTerminal ? LiveLine() : nil
        let width = queries.map(\.count).max() ?? 0
        var answers: [LookUpAnswer] = []
        let run = LookUpRun(
            queries, on: loop, work: work(loop.resolver),
            answered: { answer in
                live?.clear()
                answers.append(answer)
                if let error = answer.error { StandardError.write("reactor: \(error)\n") }
                guard options.printsText else { return }
                let query = answer.query + String(repeating: " ", count: width - answer.query.count)
                for result in answer.results {
                    let indentation = "\n" + String(repeating: " ", count: width + 2)
                    StandardOutput.print(
                        "\(query)  \(row(result).split(separator: "\n").joined(separator: indentation))")
                }
            },
            ended: { loop.stop() })
        run.begin()
        if let live {
            loop.schedule(after: patience, repeating: patience) { [unowned run] in
                if let query = run.awaited { live.show("waiting for the system's resolver: \(query)") }
            }
        }
        do throws(SocketError) { try loop.run() } catch { throw CommandFailure("\(error)") }
        try output?.write(answers)
        if answers.contains(where: { $0.error != nil }) { throw ExitCode(1) }
    }

    /// A service, its port in both orders, and its other names.
    static func serviceRow(_ result: LookUpResult) -> String {
        let aliases = result.aliases.map { "  (also \($0.joined(separator: ", ")))" } ?? ""
        return
            "\(result.name ?? "")  \(result.port ?? 0)/\(result.transport ?? "")  on the wire \(result.networkBytes ?? "")\(aliases)"
    }

    /// An address as bytes, and IPv4 as the numbers that programs make of it.
    static func bytesRow(_ result: LookUpResult) -> String {
        var row = "\(result.family ?? "")  on the wire \(result.networkBytes ?? "")"
        if let number = result.number, let swapped = result.littleEndianNumber {
            row += "\nthe number \(number), or \(swapped) where a little-endian machine forgets ntohl"
        }
        return row
    }
}
