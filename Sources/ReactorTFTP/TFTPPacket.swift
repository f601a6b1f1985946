// Parses and serializes the packets of TFTP (RFC 1350, 5; RFC 2347). Pure values: no socket, no clock, no file. Input
// is either a valid packet or an error with the reason.
//
//     RRQ, WRQ   | 1, 2 | file name | 0 | mode | 0 | option | 0 | value | 0 | ...
//     DATA       | 3 | block | up to blksize bytes |
//     ACK        | 4 | block |
//     ERROR      | 5 | code | message | 0 |
//     OACK       | 6 | option | 0 | value | 0 | ...                    all numbers: 16 bits, network byte order

import Reactor

/// A TFTP packet.
enum TFTPPacket: Sendable, Hashable {
    case read(TFTPRequest)
    case write(TFTPRequest)
    case data(block: UInt16, [UInt8])
    case acknowledgement(block: UInt16)
    case error(TFTPError)
    case optionAcknowledgement([TFTPOption])

    /// The length of a block's header in bytes.
    static let headerSize = 4
    /// The most options in one packet; more are treated as hostile.
    private static let mostOptions = 32

    private enum Code: UInt16 {
        case read = 1
        case write, data, acknowledgement, error, optionAcknowledgement
    }

    // MARK: From bytes

    /// Parses a packet.
    ///
    /// - Throws: ``TFTPError`` with ``TFTPError/Code/illegalOperation`` and a message for the sender.
    init(_ bytes: RawSpan) throws(TFTPError) {
        guard let code = bytes.bigEndian(UInt16.self, at: 0).flatMap(Code.init(rawValue:)) else {
            throw .illegal("not a TFTP packet")
        }
        switch code {
        case .read: self = .read(try TFTPRequest(parsing: bytes))
        case .write: self = .write(try TFTPRequest(parsing: bytes))
        case .optionAcknowledgement:
            self = .optionAcknowledgement(try Self.options(bytes, from: 2))
        case .data, .acknowledgement, .error:
            guard let number = bytes.bigEndian(UInt16.self, at: 2) else { throw .illegal("truncated packet") }
            switch code {
            case .data: self = .data(block: number, Array(bytes.extracting(Self.headerSize...)))
            case .acknowledgement: self = .acknowledgement(block: number)
            default: self = .error(TFTPError(TFTPError.Code(number), message: bytes.message))
            }
        }
    }

    /// Parses pairs of strings up to the end of the packet.
    fileprivate static func options(_ bytes: RawSpan, from start: Int) throws(TFTPError) -> [TFTPOption] {
        var options: [TFTPOption] = []
        var place = start
        while place < bytes.byteCount {
            guard let name = bytes.string(at: &place), let value = bytes.string(at: &place) else {
                throw .illegal("truncated option")
            }
            options.append(TFTPOption(name: name.map(\.lowerCased), value: value))
            if options.count > mostOptions { throw .illegal("too many options") }
        }
        return options
    }

    // MARK: To bytes

    /// The packet, serialized.
    var bytes: [UInt8] {
        switch self {
        case .read(let request): Self.begin(.read) + request.bytes
        case .write(let request): Self.begin(.write) + request.bytes
        case .data(let block, let payload): Self.data(block: block, payload[...])
        case .acknowledgement(let block): Self.begin(.acknowledgement, block)
        case .error(let error): Self.begin(.error, error.code.number) + error.message + [0]
        case .optionAcknowledgement(let options): Self.begin(.optionAcknowledgement) + options.flatMap(\.bytes)
        }
    }

    /// Serializes a block without copying its payload first.
    static func data(block: UInt16, _ payload: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerSize + payload.count)
        bytes += begin(.data, block)
        bytes += payload
        return bytes
    }

    private static func begin(_ code: Code, _ number: UInt16? = nil) -> [UInt8] {
        let numbers = [code.rawValue] + (number.map { [$0] } ?? [])
        return numbers.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] }
    }
}

/// A request of a client.
struct TFTPRequest: Sendable, Hashable {
    /// The name of the file: bytes, because the protocol defines no encoding.
    var name: [UInt8]
    var mode: TFTPMode
    var options: [TFTPOption] = []

    init(name: [UInt8], mode: TFTPMode, options: [TFTPOption] = []) {
        (self.name, self.mode, self.options) = (name, mode, options)
    }

    /// Parses a request after its opcode.
    fileprivate init(parsing bytes: RawSpan) throws(TFTPError) {
        var place = 2
        guard let name = bytes.string(at: &place), let mode = bytes.string(at: &place) else {
            throw .illegal("truncated request")
        }
        guard !name.isEmpty else { throw .illegal("the file name is missing") }
        guard let mode = TFTPMode(mode) else { throw .illegal("unknown mode; use octet or netascii") }
        self.init(name: name, mode: mode, options: try TFTPPacket.options(bytes, from: place))
    }

    fileprivate var bytes: [UInt8] { name + [0] + mode.description.utf8 + [0] + options.flatMap(\.bytes) }
}

/// The transfer mode: how the bytes of a file are encoded on the wire.
public struct TFTPMode: Sendable, Hashable, CustomStringConvertible {
    /// The name of the mode in a request.
    public let description: String

    /// Binary: the bytes are sent unchanged.
    public static let octet = TFTPMode(description: "octet")
    /// Text: lines end with CR LF on the wire (RFC 764), and with LF in the file.
    public static let netascii = TFTPMode(description: "netascii")
    /// All supported modes.
    public static let all = [octet, netascii]

    private init(description: String) { self.description = description }

    /// Finds a mode by its name, in any case.
    init?(_ name: [UInt8]) {
        let name = name.map(\.lowerCased)
        guard let mode = Self.all.first(where: { name.elementsEqual($0.description.utf8) }) else { return nil }
        self = mode
    }
}

/// An option: a name and a value (RFC 2347).
struct TFTPOption: Sendable, Hashable {
    /// The name, in lower case.
    let name: [UInt8]
    let value: [UInt8]

    init(name: [UInt8], value: [UInt8]) { (self.name, self.value) = (name, value) }

    init(_ name: Name, _ value: Int) {
        self.init(name: Array(name.rawValue.utf8), value: Array("\(value)".utf8))
    }

    /// The supported options.
    enum Name: String, CaseIterable {
        /// The block size in bytes (RFC 2348).
        case blockSize = "blksize"
        /// The retransmission timeout in seconds (RFC 2349).
        case timeout
        /// The size of the file in bytes (RFC 2349).
        case transferSize = "tsize"
        /// The window size in blocks per acknowledgement (RFC 7440).
        case windowSize = "windowsize"
    }

    /// The supported option with this name, if any.
    var known: Name? { Name.allCases.first { name.elementsEqual($0.rawValue.utf8) } }

    /// The value as a number: ASCII digits only, below 2^62; `nil` otherwise.
    var number: Int? {
        guard !value.isEmpty, value.count <= 19 else { return nil }
        var number = 0
        for byte in value {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            if overflow || product > Int.max / 2 - 10 { return nil }
            number = product + Int(byte - UInt8(ascii: "0"))
        }
        return number
    }

    fileprivate var bytes: [UInt8] { name + [0] + value + [0] }
}

extension UInt8 {
    /// The byte in lower case, if it is an ASCII letter; unchanged otherwise.
    fileprivate var lowerCased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self + 32 : self }
}

extension RawSpan {
    /// Reads a string up to its zero byte, which is not included; `nil` if it is not terminated.
    fileprivate func string(at place: inout Int) -> [UInt8]? {
        let start = place
        guard start <= byteCount, let end = firstOffset(of: 0, from: start) else { return nil }
        place = end + 1
        return Array(extracting(start..<end))
    }

    /// The message of an error packet, up to a zero byte or the end.
    fileprivate var message: [UInt8] {
        let end = firstOffset(of: 0, from: TFTPPacket.headerSize) ?? byteCount
        return Array(extracting(TFTPPacket.headerSize..<end))
    }
}
