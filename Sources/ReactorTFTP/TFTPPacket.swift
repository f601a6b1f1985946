// The packets of TFTP as bytes (RFC 1350, 5; RFC 2347): bytes in, values out, and back. Knows no socket, no time and no
// file; whatever arrives is a packet or an error that says why it is none.
//
//     RRQ, WRQ   | 1, 2 | file name | 0 | mode | 0 | option | 0 | value | 0 | ...
//     DATA       | 3 | block | up to blksize bytes |
//     ACK        | 4 | block |
//     ERROR      | 5 | code | message | 0 |
//     OACK       | 6 | option | 0 | value | 0 | ...                    all numbers have 16 bits, the high byte first

import Reactor

/// A packet of TFTP.
enum TFTPPacket: Sendable, Hashable {
    case read(TFTPRequest)
    case write(TFTPRequest)
    case data(block: UInt16, [UInt8])
    case acknowledgement(block: UInt16)
    case error(TFTPError)
    case optionAcknowledgement([TFTPOption])

    /// Bytes before a block's.
    static let headerSize = 4
    /// Options in one packet; who sends more means no good.
    private static let mostOptions = 32

    private enum Code: UInt16 {
        case read = 1
        case write, data, acknowledgement, error, optionAcknowledgement
    }

    // MARK: From bytes

    /// Parses a packet.
    ///
    /// - Throws: ``TFTPError`` of the kind ``TFTPError/Code/illegalOperation``, in words for whoever sent it.
    init(_ bytes: RawSpan) throws(TFTPError) {
        guard bytes.byteCount >= 2, let code = Code(rawValue: bytes.number(at: 0)) else {
            throw .illegal("this is no TFTP packet")
        }
        switch code {
        case .read: self = .read(try TFTPRequest(parsing: bytes))
        case .write: self = .write(try TFTPRequest(parsing: bytes))
        case .optionAcknowledgement:
            self = .optionAcknowledgement(try Self.options(bytes, from: 2))
        case .data, .acknowledgement, .error:
            guard bytes.byteCount >= Self.headerSize else { throw .illegal("this packet is cut short") }
            let number = bytes.number(at: 2)
            switch code {
            case .data: self = .data(block: number, Array(bytes.extracting(Self.headerSize...)))
            case .acknowledgement: self = .acknowledgement(block: number)
            default: self = .error(TFTPError(TFTPError.Code(number), message: bytes.message))
            }
        }
    }

    /// Pairs of strings to the packet's end.
    fileprivate static func options(_ bytes: RawSpan, from start: Int) throws(TFTPError) -> [TFTPOption] {
        var options: [TFTPOption] = []
        var place = start
        while place < bytes.byteCount {
            guard let name = bytes.string(at: &place), let value = bytes.string(at: &place) else {
                throw .illegal("an option is cut short")
            }
            options.append(TFTPOption(name: name.map(\.lowerCased), value: value))
            if options.count > mostOptions { throw .illegal("there are too many options") }
        }
        return options
    }

    // MARK: To bytes

    /// The packet as bytes.
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

    /// A block as a packet, without a copy of it in between.
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

/// What a client asks for.
struct TFTPRequest: Sendable, Hashable {
    /// The file's name, as it was sent: bytes, because nothing says what they mean.
    var name: [UInt8]
    var mode: TFTPMode
    var options: [TFTPOption] = []

    init(name: [UInt8], mode: TFTPMode, options: [TFTPOption] = []) {
        (self.name, self.mode, self.options) = (name, mode, options)
    }

    /// Parses what is behind the operation's code.
    fileprivate init(parsing bytes: RawSpan) throws(TFTPError) {
        var place = 2
        guard let name = bytes.string(at: &place), let mode = bytes.string(at: &place) else {
            throw .illegal("this request is cut short")
        }
        guard !name.isEmpty else { throw .illegal("the file's name is missing") }
        guard let mode = TFTPMode(mode) else { throw .illegal("the mode is neither octet nor netascii") }
        self.init(name: name, mode: mode, options: try TFTPPacket.options(bytes, from: place))
    }

    fileprivate var bytes: [UInt8] { name + [0] + mode.description.utf8 + [0] + options.flatMap(\.bytes) }
}

/// How a file's bytes travel.
public struct TFTPMode: Sendable, Hashable, CustomStringConvertible {
    /// As it is written in a request.
    public let description: String

    /// As they are.
    public static let octet = TFTPMode(description: "octet")
    /// As text, whose lines end with CR LF on the way (RFC 764).
    public static let netascii = TFTPMode(description: "netascii")
    /// Both.
    public static let all = [octet, netascii]

    private init(description: String) { self.description = description }

    /// The mode of this name, in upper or lower case.
    init?(_ name: [UInt8]) {
        let name = name.map(\.lowerCased)
        guard let mode = Self.all.first(where: { name.elementsEqual($0.description.utf8) }) else { return nil }
        self = mode
    }
}

/// A name and a value, as they are sent (RFC 2347).
struct TFTPOption: Sendable, Hashable {
    /// In lower case.
    let name: [UInt8]
    let value: [UInt8]

    init(name: [UInt8], value: [UInt8]) { (self.name, self.value) = (name, value) }

    init(_ name: Name, _ value: Int) {
        self.init(name: Array(name.rawValue.utf8), value: Array("\(value)".utf8))
    }

    /// The options that are known here.
    enum Name: String, CaseIterable {
        /// Bytes of a block (RFC 2348).
        case blockSize = "blksize"
        /// Seconds until a packet is sent again (RFC 2349).
        case timeout
        /// Bytes of the file (RFC 2349).
        case transferSize = "tsize"
        /// Blocks that are sent for one acknowledgement (RFC 7440).
        case windowSize = "windowsize"
    }

    /// Which one this is.
    var known: Name? { Name.allCases.first { name.elementsEqual($0.rawValue.utf8) } }

    /// The value, if it is a number: ASCII digits and nothing else, below 2^62.
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
    /// ASCII letters in lower case.
    fileprivate var lowerCased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self + 32 : self }
}

extension RawSpan {
    fileprivate func number(at offset: Int) -> UInt16 {
        UInt16(byte(at: offset)) << 8 | UInt16(byte(at: offset + 1))
    }

    /// What ends with a zero byte, which is left out; `nil` when none follows.
    fileprivate func string(at place: inout Int) -> [UInt8]? {
        let start = place
        while place < byteCount && byte(at: place) != 0 { place += 1 }
        guard place < byteCount else { return nil }
        place += 1
        return Array(extracting(start..<place - 1))
    }

    /// The text of an error, to a zero byte or to the end.
    fileprivate var message: [UInt8] {
        var end = TFTPPacket.headerSize
        while end < byteCount && byte(at: end) != 0 { end += 1 }
        return Array(extracting(TFTPPacket.headerSize..<end))
    }
}
