// Readiness by select(2): the registrations are three bitmaps, copied to the kernel and back at every wait.

import SystemPackage

/// A selector that uses select(2). The cost of a wait grows with the highest registered descriptor.
///
/// The C library's `fd_set` is limited to descriptors below 1,024; the system call takes bitmaps of any length
/// (select(2), "BUGS"). By default this selector keeps the portable limit; with `unlimited`, its bitmaps grow.
final class SelectSelector: Selector {
    static let portableLimit = 1024

    let capabilities: SelectorCapabilities
    private let kernel: any SystemCalls
    /// The registrations: one bitmap per interest, one bit per descriptor (`except` is urgent data).
    private var read: [UInt64] = []
    private var write: [UInt64] = []
    private var except: [UInt64] = []
    /// The bits that the last wait left set.
    private var readFound: [UInt64] = []
    private var writeFound: [UInt64] = []
    private var exceptFound: [UInt64] = []
    private var tokens: [Token] = []
    private var registered: [Bool] = []

    init(kernel: any SystemCalls, unlimited: Bool) {
        self.kernel = kernel
        capabilities = SelectorCapabilities(
            descriptorLimit: unlimited ? nil : Self.portableLimit, reportsHangUp: false)
    }

    func change(_ descriptor: FileDescriptor, token: Token, from old: Interest?, to new: Interest?) -> SystemResult {
        let number = Int(descriptor.rawValue)
        if let limit = capabilities.descriptorLimit, number >= limit { return SystemResult(.invalidArgument) }
        grow(to: number + 1)
        tokens[number] = token
        registered[number] = new != nil
        let bit: UInt64 = 1 << UInt64(number % 64)
        set(bit, of: &read[number / 64], new?.contains(.readable) ?? false)
        set(bit, of: &write[number / 64], new?.contains(.writable) ?? false)
        set(bit, of: &except[number / 64], new?.contains(.priority) ?? false)
        while let last = registered.last, !last {
            registered.removeLast()
            tokens.removeLast()
        }
        return SystemResult(0)
    }

    private func set(_ bit: UInt64, of word: inout UInt64, _ on: Bool) {
        if on { word |= bit } else { word &= ~bit }
    }

    private func grow(to count: Int) {
        while registered.count < count {
            registered.append(false)
            tokens.append(Token(rawValue: 0))
        }
        while read.count * 64 < count {
            read.append(0)
            write.append(0)
            except.append(0)
            readFound.append(0)
            writeFound.append(0)
            exceptFound.append(0)
        }
    }

    func wait(into ready: ReadyList, timeout: WaitTimeout) -> SystemResult {
        for word in read.indices {  // element by element: array assignment would allocate at each wait
            readFound[word] = read[word]
            writeFound[word] = write[word]
            exceptFound[word] = except[word]
        }
        var readSpan = readFound.mutableSpan
        var writeSpan = writeFound.mutableSpan
        var exceptSpan = exceptFound.mutableSpan
        let result = kernel.select(
            below: registered.count, read: &readSpan, write: &writeSpan, except: &exceptSpan, timeout: timeout)
        // One closed descriptor makes the whole call fail: find out which.
        if result.errno == .badFileDescriptor { return findInvalid(into: ready) }
        guard result.rawValue > 0 else { return result }
        var found = 0
        for word in 0..<(registered.count + 63) / 64 {
            var bits = readSpan[word] | writeSpan[word] | exceptSpan[word]
            while bits != 0 {
                let lowest = bits & (~bits &+ 1)
                var readiness: Readiness = []
                if readSpan[word] & lowest != 0 { readiness.insert(.readable) }
                if writeSpan[word] & lowest != 0 { readiness.insert(.writable) }
                if exceptSpan[word] & lowest != 0 { readiness.insert(.priority) }
                ready.append(
                    ReadyEvent(token: tokens[word * 64 + bits.trailingZeroBitCount], readiness: readiness))
                found += 1
                bits ^= lowest
            }
        }
        return SystemResult(found)
    }

    /// Checks each registered descriptor with poll(2), because select(2) does not report which one is closed.
    private func findInvalid(into ready: ReadyList) -> SystemResult {
        var found = 0
        for number in registered.indices where registered[number] {
            var entry = [PollEntry(descriptor: CInt(number), events: 0)]
            var span = entry.mutableSpan
            guard kernel.poll(&span, timeout: .none).rawValue > 0 else { continue }
            let readiness = Readiness(rawValue: UInt16(bitPattern: span[0].found))
            guard readiness.contains(.invalid) else { continue }
            ready.append(ReadyEvent(token: tokens[number], readiness: .invalid))
            found += 1
        }
        return SystemResult(found)
    }

    func close() {}
}
