// What both sides of a transfer have agreed on: the options of RFC 2347, 2348, 2349 and 7440, asked for by the client,
// granted or lowered by the server. Values only; who lies about them is found out here.

import Reactor

/// The terms of a transfer.
struct TFTPTerms: Sendable, Hashable {
    /// Bytes of a block, without its header.
    var blockSize = 512
    /// Blocks for one acknowledgement.
    var windowSize = 1
    /// Until a packet is sent again; `nil` adapts to the network.
    var timeout: Duration?
    /// Bytes of the file, as the other side said.
    var transferSize: Int?
    /// The same, where it can be relied on. A size of 0 is what a client sends that does not know how much it will write
    /// (curl does), and what a server sends back that has not understood the option.
    var announcedSize: Int? { transferSize == 0 ? nil : transferSize }

    /// What RFC 2348 and RFC 7440 allow.
    static let blockSizes = 8...65_464
    static let windowSizes = 1...65_535
    private static let timeouts = 1...255

    /// What a server grants at most.
    struct Bounds: Sendable, Hashable {
        var blockSize = 65_464
        var windowSize = 64
        /// Bytes of a window, which is what a transfer keeps in memory.
        var windowBytes = 256 * 1024
    }

    // MARK: The server's side

    /// The terms that a server answers a request with, and the options that it tells; none where none was asked for that
    /// it knows. Values that make no sense are left out, as if they had not been asked for (RFC 2347).
    ///
    /// - Parameters:
    ///   - fileSize: bytes of the file that is read, if they travel as they are; `nil` for one that is written.
    static func granting(_ options: [TFTPOption], within bounds: Bounds, fileSize: Int?, isWrite: Bool)
        -> (terms: TFTPTerms, answer: [TFTPOption])
    {
        var terms = TFTPTerms()
        var answer: [TFTPOption] = []
        var seen: Set<TFTPOption.Name> = []
        for option in options {
            // Each may be asked for once.
            guard let name = option.known, seen.insert(name).inserted, let number = option.number else { continue }
            switch name {
            case .blockSize where number >= blockSizes.lowerBound:
                terms.blockSize = min(number, bounds.blockSize, blockSizes.upperBound)
                answer.append(TFTPOption(name, terms.blockSize))
            case .windowSize where number >= windowSizes.lowerBound:
                terms.windowSize = min(number, bounds.windowSize)
                answer.append(TFTPOption(name, terms.windowSize))
            case .timeout where timeouts.contains(number):
                terms.timeout = .seconds(number)
                answer.append(TFTPOption(name, number))
            case .transferSize:
                // The size of an empty file is not told: curl takes 0 for an error.
                guard let size = isWrite ? number : fileSize, isWrite || size > 0 else { continue }
                terms.transferSize = size
                answer.append(TFTPOption(name, size))
            default: continue
            }
        }
        let most = max(1, bounds.windowBytes / terms.blockSize)
        if terms.windowSize > most {
            terms.windowSize = most
            answer = answer.map { $0.known == .windowSize ? TFTPOption(.windowSize, most) : $0 }
        }
        return (terms, answer)
    }

    // MARK: The client's side

    /// The options to ask for.
    func asking(transferSize: Int?) -> [TFTPOption] {
        var options: [TFTPOption] = []
        if blockSize != TFTPTerms().blockSize { options.append(TFTPOption(.blockSize, blockSize)) }
        if windowSize != 1 { options.append(TFTPOption(.windowSize, windowSize)) }
        if let timeout { options.append(TFTPOption(.timeout, Int(timeout.components.seconds))) }
        if let transferSize { options.append(TFTPOption(.transferSize, transferSize)) }
        return options
    }

    /// The terms that a server's answer to `asked` stands for: what it does not name is as if it had not been asked for.
    ///
    /// - Throws: ``TFTPError`` for a server: it named what was not asked for, or granted what was not, or more than it.
    static func accepting(_ answer: [TFTPOption], to asked: [TFTPOption]) throws(TFTPError) -> TFTPTerms {
        var terms = TFTPTerms()
        for option in answer {
            guard let name = option.known, let number = option.number,
                let most = asked.first(where: { $0.name == option.name })?.number
            else { throw refusal("an option was not asked for, or its value is no number") }
            switch name {
            case .blockSize where number <= most && blockSizes.contains(number): terms.blockSize = number
            case .windowSize where number <= most && windowSizes.contains(number): terms.windowSize = number
            case .timeout where number == most: terms.timeout = .seconds(number)
            case .transferSize: terms.transferSize = number
            default: throw refusal("\(name.rawValue) \(number) was not asked for")
            }
        }
        return terms
    }

    private static func refusal(_ words: String) -> TFTPError { TFTPError(.optionsRefused, words) }
}
