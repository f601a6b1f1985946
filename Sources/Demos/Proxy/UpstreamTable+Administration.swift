// A proxy's commands on the admin socket: `upstreams`, `drain UPSTREAM`, `undrain UPSTREAM`.

package import Reactor

extension UpstreamTable {
    /// The commands for the admin socket.
    package var administration: AdminExtension {
        AdminExtension(commands: [
            ("upstreams", "the state and the counters of each upstream, and those of all clients"),
            ("drain UPSTREAM", "sends no new connections to it; open ones go on"),
            ("undrain UPSTREAM", "sends new connections to it again"),
        ]) { [self] words in
            switch (words[0], words.count) {
            case ("upstreams", 1): return .success(adminValue)
            case ("upstreams", _): return .failure(AdminExtensionError("upstreams has too many words; try help"))
            case (let name, 2):
                guard setDraining(name == "drain", words[1]) else {
                    let all = upstreams.map(\.address.destination).joined(separator: ", ")
                    return .failure(AdminExtensionError("no upstream '\(words[1])'; use one of \(all)"))
                }
                let connections = upstreams.first { $0.address.destination == words[1] }?.connections ?? 0
                return .success(
                    .object([
                        ("upstream", .text(words[1])), ("draining", .truth(name == "drain")),
                        ("connections", .integer(connections)),
                    ]))
            case (let name, _): return .failure(AdminExtensionError("\(name) needs one upstream; try upstreams"))
            }
        }
    }

    private var adminValue: AdminValue {
        let (counts, upstreams) = (counts, upstreams)
        let rows: [[AdminValue]] = upstreams.map { upstream in
            [
                .text(upstream.address.destination), .text(upstream.state), .integer(upstream.address.weight),
                .integer(upstream.connections), .integer(upstream.total), .integer(upstream.bytesIn),
                .integer(upstream.bytesOut), .integer(upstream.failures), .integer(upstream.checks),
                .integer(upstream.checksFailed), upstream.lastError.map { .text($0) } ?? .nothing,
            ]
        }
        return .object([
            ("proxied", .integer(counts.proxied)), ("unavailable", .integer(counts.unavailable)),
            ("retries", .integer(counts.retries)), ("abandoned", .integer(counts.abandoned)),
            ("broken", .integer(counts.broken)),
            (
                "upstreams",
                .table(
                    columns: [
                        "upstream", "state", "weight", "connections", "total", "bytesIn", "bytesOut", "failures",
                        "checks", "checksFailed", "lastError",
                    ], rows: rows)
            ),
        ])
    }
}
