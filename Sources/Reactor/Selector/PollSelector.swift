// Readiness by poll(2): the registrations are an array that the kernel scans at every wait.

import SystemPackage

/// A selector that uses poll(2). The cost of a wait grows with the number of registered descriptors.
final class PollSelector: Selector {
    let capabilities = SelectorCapabilities()
    private let kernel: any SystemCalls
    /// The watched descriptors, without gaps, and their tokens.
    private var entries: [PollEntry] = []
    private var tokens: [Token] = []
    /// The index of a descriptor's entry; -1 if it has no entry.
    private var places: [Int32] = []

    init(kernel: any SystemCalls) { self.kernel = kernel }

    func change(_ descriptor: FileDescriptor, token: Token, from old: Interest?, to new: Interest?) -> SystemResult {
        let number = Int(descriptor.rawValue)
        while places.count <= number { places.append(-1) }
        switch (Int(places[number]), new) {
        case (let place, nil):
            remove(place, of: number)
        case (-1, let new?):
            places[number] = Int32(entries.count)
            entries.append(PollEntry(descriptor: descriptor.rawValue, events: bits(of: new)))
            tokens.append(token)
        case (let place, let new?):
            entries[place].events = bits(of: new)
            tokens[place] = token
        }
        return SystemResult(0)
    }

    /// Removes an entry, and moves the last one into its place, so that the kernel scans no gaps.
    private func remove(_ place: Int, of number: Int) {
        guard place >= 0 else { return }
        let last = entries.removeLast()
        let token = tokens.removeLast()
        if place < entries.count {
            entries[place] = last
            tokens[place] = token
            places[Int(last.descriptor)] = Int32(place)
        }
        places[number] = -1
    }

    private func bits(of interest: Interest) -> Int16 {
        Int16(interest.rawValue)
            | (interest.contains(.readable) ? Int16(bitPattern: Readiness.peerClosed.rawValue) : 0)
    }

    func wait(into ready: ReadyList, timeout: WaitTimeout) -> SystemResult {
        var span = entries.mutableSpan
        let result = kernel.poll(&span, timeout: timeout)
        guard result.rawValue > 0 else { return result }
        var left = result.rawValue
        for index in span.indices where span[index].found != 0 {
            ready.append(
                ReadyEvent(
                    token: tokens[index], readiness: Readiness(rawValue: UInt16(bitPattern: span[index].found))))
            left -= 1
            if left == 0 { break }
        }
        return result
    }

    func close() {}
}
