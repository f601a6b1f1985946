// `reactor resolve`: the look-ups that network programs make, each as a subcommand.

import ArgumentParser
import Demos
import Reactor

struct ResolveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Look up hosts, addresses, services and ports, and convert addresses to bytes and back.",
        discussion: """
            Try it with:

              reactor resolve localhost                 the same as: resolve host localhost
              reactor resolve address 127.0.0.1 ::1
              reactor resolve service http domain/udp
              reactor resolve port 443
              reactor resolve binary 192.0.2.1 2001:db8::1
              reactor resolve text 7f000001

            Exit status: 0 when everything was found, 1 when something was not, 64 for an invalid command line.
            """,
        subcommands: [
            ResolveHostCommand.self, ResolveAddressCommand.self, ResolveServiceCommand.self, ResolvePortCommand.self,
            ResolveBinaryCommand.self, ResolveTextCommand.self,
        ],
        defaultSubcommand: ResolveHostCommand.self)
}

struct ResolveHostCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "host",
        abstract: "Resolve host names to addresses, in the order to try them (getaddrinfo).")

    @Argument(help: ArgumentHelp("Host names.", valueName: "name"))
    var names: [String]

    @Flag(name: .customLong("ipv4"), help: "Show IPv4 addresses only.")
    var onlyIPv4 = false

    @Flag(name: .customLong("ipv6"), help: "Show IPv6 addresses only.")
    var onlyIPv6 = false

    @OptionGroup var options: ExperimentOptions

    func validate() throws {
        if onlyIPv4 && onlyIPv6 {
            throw ValidationError("--ipv4 and --ipv6 exclude each other; omit both to get all addresses")
        }
    }

    func run() throws {
        let family: Resolve.Family = onlyIPv4 ? .ipv4 : onlyIPv6 ? .ipv6 : .any
        try ResolveProgram.run(names, options, row: { "\($0.address ?? "")  \($0.family ?? "")" }) { resolver in
            { name throws(SocketError) in try Resolve.host(name, family, resolver) }
        }
    }
}

struct ResolveAddressCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "address", abstract: "Resolve addresses to host names (getnameinfo).")

    @Argument(help: ArgumentHelp("Numeric addresses, IPv4 or IPv6.", valueName: "address"))
    var addresses: [String]

    @OptionGroup var options: ExperimentOptions

    func run() throws {
        try ResolveProgram.run(addresses, options, row: { $0.name ?? "" }) { _ in
            { address throws(SocketError) in try Resolve.address(address) }
        }
    }
}

struct ResolveServiceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service", abstract: "Look up the ports of services (getservbyname).")

    @Argument(help: ArgumentHelp("Service names, as http or domain/udp.", valueName: "name"))
    var names: [String]

    @OptionGroup var options: ExperimentOptions

    func run() throws {
        try ResolveProgram.run(names, options, row: ResolveProgram.serviceRow) { _ in
            { name throws(SocketError) in try Resolve.service(name) }
        }
    }
}

struct ResolvePortCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "port", abstract: "Look up the services on ports (getservbyport).")

    @Argument(help: ArgumentHelp("Ports, as 443 or 53/udp.", valueName: "port"))
    var ports: [String]

    @OptionGroup var options: ExperimentOptions

    func run() throws {
        try ResolveProgram.run(ports, options, row: ResolveProgram.serviceRow) { _ in
            { port throws(SocketError) in try Resolve.port(port) }
        }
    }
}

struct ResolveBinaryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "binary", abstract: "Convert addresses from text to bytes in network byte order (inet_pton).")

    @Argument(help: ArgumentHelp("Numeric addresses, IPv4 or IPv6.", valueName: "address"))
    var addresses: [String]

    @OptionGroup var options: ExperimentOptions

    func run() throws {
        try ResolveProgram.run(addresses, options, row: ResolveProgram.bytesRow) { _ in
            { address throws(SocketError) in try Resolve.bytes(of: address) }
        }
    }
}

struct ResolveTextCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "text", abstract: "Convert addresses from bytes, as hexadecimal digits, to text (inet_ntop).")

    @Argument(help: ArgumentHelp("4 or 16 bytes, as 7f000001 or '7f 00 00 01'.", valueName: "bytes"))
    var bytes: [String]

    @OptionGroup var options: ExperimentOptions

    func run() throws {
        try ResolveProgram.run(bytes, options, row: { "\($0.address ?? "")  \($0.family ?? "")" }) { _ in
            { bytes throws(SocketError) in try Resolve.text(of: bytes) }
        }
    }
}
