// A file server in the simulated world, and what its clients make of its responses.

import Reactor
import ReactorTesting
import ServedFiles
import SystemPackage
import Testing

@testable import ReactorHTTP

/// Files in memory, opened on a simulated kernel.
final class SimulatedFiles: FileStore {
    struct File {
        var bytes: [UInt8]
        var modified = 1_700_000_000
        /// What changes when another file takes its place, and when its contents or its time are set.
        var inode: UInt64 = 1
        var changed = (seconds: 1_700_000_000, nanoseconds: 7)
        /// What is said of its size, where that is not the truth any more when it is sent.
        var claimed: Int?
    }

    private let kernel: SimulatedKernel
    var files: [String: File]
    /// Paths that were opened.
    private(set) var opened = 0
    /// Why nothing can be opened.
    var failure: FileAccessError?

    init(_ kernel: SimulatedKernel, _ files: [String: File]) {
        self.kernel = kernel
        self.files = files
    }

    func open(_ path: [UInt8]) throws(FileAccessError) -> ServedFile {
        opened += 1
        if let failure { throw failure }
        let name = String(decoding: path.drop { $0 == UInt8(ascii: "/") }, as: UTF8.self)
        let folder = name.hasSuffix("/") ? name : name + "/"
        if files.keys.contains(where: { $0.hasPrefix(folder) }) { throw FileAccessError(.noFile) }
        guard let file = files[name] else { throw FileAccessError(.notFound) }
        return ServedFile(
            OwnedDescriptor(kernel.openFile(file.bytes)),
            FileVersion(
                device: 1, inode: file.inode, size: file.claimed ?? file.bytes.count, modified: (file.modified, 5),
                changed: file.changed))
    }
}

/// A connection, as long as it lives.
private final class WeakConnection {
    weak var connection: Connection?
}

/// A simulated world with one file server.
final class HTTPWorld {
    static let small = Array("hello, world\n".utf8)
    static let page = Array("<p>a page</p>".utf8)
    static let large = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 / 256) }
    /// The time of day, which stands still.
    static let now = 1_800_000_000

    let simulation: Simulation
    let files: SimulatedFiles
    let counts = HTTPCounts()
    private let last = WeakConnection()

    /// Bytes that the last connection has waiting.
    var queuedBytes: Int { last.connection?.queuedBytes ?? 0 }

    init(
        seed: UInt64 = 1, faults: Faults = .none, backend: Backend = .epoll(), limits: Limits = Limits(),
        _ change: (inout HTTPFileServer.Options) -> Void = { _ in }
    ) throws {
        simulation = try Simulation(seed: seed, faults: faults, backend: backend)
        files = SimulatedFiles(
            simulation.kernel,
            [
                "small.txt": .init(bytes: Self.small), "empty": .init(bytes: []), "large.bin": .init(bytes: Self.large),
                "folder/index.html": .init(bytes: Self.page), "a b.txt": .init(bytes: Array("blank".utf8)),
                "bare/x.txt": .init(bytes: [1]),
            ])
        var options = HTTPFileServer.Options()
        options.formPath = "/form"
        change(&options)
        let server = HTTPFileServer(
            files, kernel: simulation.kernel, options: options, counts: counts, clock: HTTPClock { (Self.now, 0) })
        try simulation.listen(limits: limits) { [last] connection in
            last.connection = connection
            return HTTPSession(server)
        }
    }

    /// Sends bytes over a connection of its own, and returns all that came back until the server closed it.
    func exchange(_ request: String, within time: Duration = .seconds(60)) throws -> [HTTPTestResponse] {
        let client = simulation.connect()
        client.write(request)
        try simulation.run(within: time) { client.isOver }
        #expect(client.ended, "\(request.prefix(200))")
        return try HTTPTestResponse.all(client.received)
    }

    /// Sends one request, with `Connection: close` among its fields.
    func get(_ path: String, _ method: String = "GET", _ fields: String..., content: String = "") throws
        -> HTTPTestResponse
    {
        let lines = (["Host: a", "Connection: close"] + fields).joined(separator: "\r\n")
        let client = simulation.connect()
        client.write("\(method) \(path) HTTP/1.1\r\n\(lines)\r\n\r\n\(content)")
        try simulation.run { client.isOver }
        let responses = try HTTPTestResponse.all(client.received, isHead: method == "HEAD")
        return try #require(responses.last)
    }
}

/// A response as a client reads it.
struct HTTPTestResponse: Equatable {
    var status = 0
    var fields: [String: String] = [:]
    var content: [UInt8] = []

    var text: String { String(decoding: content, as: UTF8.self) }

    /// Reads one response after another; what is left over, or missing, is an error.
    static func all(_ bytes: [UInt8], isHead: Bool = false) throws -> [HTTPTestResponse] {
        var rest = bytes[...]
        var result: [HTTPTestResponse] = []
        while !rest.isEmpty {
            let (response, count) = try #require(
                first(rest, isHead: isHead), "half a response: \(String(decoding: rest.suffix(300), as: UTF8.self))")
            rest = rest.dropFirst(count)
            result.append(response)
        }
        return result
    }

    private static func first(_ bytes: ArraySlice<UInt8>, isHead: Bool) -> (HTTPTestResponse, Int)? {
        let end = Array("\r\n\r\n".utf8)
        guard let index = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else { return nil }
        var response = HTTPTestResponse()
        for (number, line) in String(decoding: bytes[..<index], as: UTF8.self).split(separator: "\r\n").enumerated() {
            if number == 0 {
                response.status = Int(line.split(separator: " ")[1]) ?? 0
            } else if let colon = line.firstIndex(of: ":") {
                response.fields[line[..<colon].lowercased()] = String(line[colon...].dropFirst(2))
            }
        }
        let hasNone = isHead || response.status < 200 || response.status == 204 || response.status == 304
        let length = hasNone ? 0 : response.fields["content-length"].flatMap { Int($0) } ?? 0
        let content = bytes[(index + 4)...].prefix(length)
        guard content.count == length else { return nil }
        response.content = Array(content)
        return (response, index + 4 + length - bytes.startIndex)
    }
}
