// Option negotiation (RFC 2347, 2348, 2349, 7440): the client requests options, the server grants or lowers them. Pure
// values; a server that grants more than was requested is detected here.

import Reactor

/// The negotiated terms of a transfer.
struct TFTPTerms: Sendable, Hashable {
    /// The block size in bytes, without the header.
    var blockSize = 512
    /// The window size in blocks per acknowledgement.
    var windowSize = 1
    /// The retransmission timeout; `nil` adapts to the network.
    var timeout: Duration?
    /// The size of the file in bytes, as the peer announced it.
    var transferSize: Int?
    /// The announced size, if it is reliable. 0 is not: clients send it when they do not know the size (curl), and
    /// servers echo it when they do not implement the option.
    var announcedSize: Int? { transferSize == 0 ? nil : transferSize }

    /// The valid values of RFC 2348 and RFC 7440.
    static let blockSizes = 8...65_464
    static let windowSizes = 1...65_535
    private static let timeouts = 1...255

    /// The most that a server grants.
    struct Bounds: Sendable, Hashable {
        var blockSize = 65_464
        var windowSize = 64
        /// The bytes of a window, which a transfer keeps in memory.
        var windowBytes = 256 * 1024
    }

    // MARK: The server's side

    /// Returns the terms that a server grants, and the options of its reply, which are empty if the request has no
    /// supported option. Invalid values are ignored, as if they had not been requested (RFC 2347).
    ///
    /// - Parameters:
    ///   - options: the requested options.
    ///   - bounds: the most that is granted.
    ///   - fileSize: the size of the file that is read, in bytes; `nil` for netascii, and for a file that is written.
    ///   - isWrite: whether the client writes the file.
    static func granting(_ options: [TFTPOption], within bounds: Bounds, fileSize: Int?, isWrite: Bool)
        -> (terms: TFTPTerms, reply: [TFTPOption])
    {
        var terms = TFTPTerms()
        var reply: [TFTPOption] = []
        var seen: Set<TFTPOption.Name> = []
        for option in options {
            // Repeated options are ignored.
            guard let name = option.known, seen.insert(name).inserted, let number = option.number else { continue }
            switch name {
            case .blockSize where number >= blockSizes.lowerBound:
                terms.blockSize = min(number, bounds.blockSize, blockSizes.upperBound)
                reply.append(TFTPOption(name, terms.blockSize))
            case .windowSize where number >= windowSizes.lowerBound:
                terms.windowSize = min(number, bounds.windowSize)
                reply.append(TFTPOption(name, terms.windowSize))
            case .timeout where timeouts.contains(number):
                terms.timeout = .seconds(number)
                reply.append(TFTPOption(name, number))
            case .transferSize:
                // The size of an empty file is not sent: curl takes 0 for an error.
                guard let size = isWrite ? number : fileSize, isWrite || size > 0 else { continue }
                terms.transferSize = size
                reply.append(TFTPOption(name, size))
            default: continue
            }
        }
        let most = max(1, bounds.windowBytes / terms.blockSize)
        if terms.windowSize > most {
            terms.windowSize = most
            reply = reply.map { $0.known == .windowSize ? TFTPOption(.windowSize, most) : $0 }
        }
        return (terms, reply)
    }

    // MARK: The client's side

    /// Returns the options that request these terms.
    func asking(transferSize: Int?) -> [TFTPOption] {
        var options: [TFTPOption] = []
        if blockSize != TFTPTerms().blockSize { options.append(TFTPOption(.blockSize, blockSize)) }
        if windowSize != 1 { options.append(TFTPOption(.windowSize, windowSize)) }
        if let timeout { options.append(TFTPOption(.timeout, Int(timeout.components.seconds))) }
        if let transferSize { options.append(TFTPOption(.transferSize, transferSize)) }
        return options
    }

    /// Returns the terms that a server has granted. Options that its reply omits keep their defaults.
    ///
    /// - Throws: ``TFTPError`` (8) for the server, if it granted an option that was not requested, or more than
    ///   requested.
    static func accepting(_ reply: [TFTPOption], to asked: [TFTPOption]) throws(TFTPError) -> TFTPTerms {
        var terms = TFTPTerms()
        for option in reply {
            guard let name = option.known, let number = option.number,
                let most = asked.first(where: { $0.name == option.name })?.number
            else { throw refusal("an option was not requested, or its value is not a number") }
            switch name {
            case .blockSize where number <= most && blockSizes.contains(number): terms.blockSize = number
            case .windowSize where number <= most && windowSizes.contains(number): terms.windowSize = number
            case .timeout where number == most: terms.timeout = .seconds(number)
            case .transferSize: terms.transferSize = number
            default: throw refusal("\(name.rawValue) \(number) was not requested")
            }
        }
        return terms
    }

    private static func refusal(_ words: String) -> TFTPError { TFTPError(.optionsRefused, words) }
}
