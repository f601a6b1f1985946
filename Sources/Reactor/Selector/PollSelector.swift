// poll(2): the registrations are an array that the kernel walks at every wait.

import SystemPackage

/// Readiness by poll(2): a wait costs a look at every registered descriptor.
final class PollSelector: Selector {
    let capabilities = SelectorCapabilities()
    private let kernel: any SystemCalls
    /// What is watched, without gaps, and whose it is.
    private var entries: [PollEntry] = []
    private var tokens: [Token] = []
    /// Where a descriptor's entry is; -1 when it has none.
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

    /// Moves the last entry into the gap, so that the kernel walks none.
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
