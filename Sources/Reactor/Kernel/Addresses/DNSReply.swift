// A reply of the DNS (RFC 1035, section 4), parsed with bounds checks: a malicious server may lie about every length, count
// and pointer in it.

/// The SRV records of a DNS reply.
package struct DNSReply {
    /// The error of a malformed reply.
    package struct Malformed: Error {}

    private static let headerSize = 12
    private static let serviceType = 33
    private static let internetClass = 1
    private static let longestName = 255
    /// More records than this are not read: no client tries so many servers.
    private static let mostRecords = 256

    private let bytes: ArraySlice<UInt8>
    private var offset = 0

    /// Returns the SRV records of a reply. Records of other types, such as the CNAME of an alias, are skipped; a record
    /// whose target is not a host name is dropped.
    package static func services(in bytes: [UInt8]) throws(Malformed) -> [ServiceRecord] {
        var reply = DNSReply(bytes: bytes[...])
        return try reply.services()
    }

    private init(bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    private mutating func services() throws(Malformed) -> [ServiceRecord] {
        guard bytes.count >= Self.headerSize else { throw Malformed() }
        offset = 4
        let questions = try number()
        let answers = try number()
        offset = Self.headerSize
        for _ in 0..<questions {
            _ = try name()
            try skip(4)
        }
        var records: [ServiceRecord] = []
        for _ in 0..<min(answers, Self.mostRecords) {
            _ = try name()
            let type = try number()
            let kind = try number()
            let seconds = try number() << 16 | number()
            let length = try number()
            let end = offset + length
            guard end <= bytes.count else { throw Malformed() }
            if type == Self.serviceType && kind == Self.internetClass {
                // A time above 2^31 s is treated as zero (RFC 2181, section 8).
                let time = seconds > Int(Int32.max) ? 0 : seconds
                let (priority, weight, port) = (try number(), try number(), try number())
                let target = try name()
                guard offset <= end else { throw Malformed() }
                if let target {
                    records.append(
                        ServiceRecord(
                            priority: UInt16(priority), weight: UInt16(weight), port: UInt16(port), target: target,
                            timeToLive: .seconds(time)))
                }
            }
            offset = end
        }
        return records
    }

    private mutating func skip(_ count: Int) throws(Malformed) {
        guard bytes.count - offset >= count else { throw Malformed() }
        offset += count
    }

    /// Reads a 16-bit number.
    private mutating func number() throws(Malformed) -> Int {
        guard bytes.count - offset >= 2 else { throw Malformed() }
        defer { offset += 2 }
        return Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
    }

    /// Reads a domain name, following pointers; `nil` for one that is not a host name. The root is an empty string.
    ///
    /// A pointer must refer to an earlier place than the one before it, so that following them ends.
    private mutating func name() throws(Malformed) -> String? {
        var text = ""
        var isHostName = true
        var length = 0
        var place = offset
        var end: Int?
        var limit = offset
        while true {
            guard place < bytes.count else { throw Malformed() }
            let count = Int(bytes[place])
            switch count & 0xc0 {
            case 0xc0:
                guard place + 1 < bytes.count else { throw Malformed() }
                let target = (count & 0x3f) << 8 | Int(bytes[place + 1])
                guard target < limit else { throw Malformed() }
                if end == nil { end = place + 2 }
                limit = target
                place = target
            case 0:
                place += 1
                length += count + 1
                guard length <= Self.longestName, count <= bytes.count - place else { throw Malformed() }
                if count == 0 {
                    offset = end ?? place
                    return isHostName ? text : nil
                }
                if !text.isEmpty { text.append(".") }
                for byte in bytes[place..<place + count] {
                    if Self.isHostByte(byte) { text.append(Character(UnicodeScalar(byte))) } else { isHostName = false }
                }
                place += count
            default: throw Malformed()
            }
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
