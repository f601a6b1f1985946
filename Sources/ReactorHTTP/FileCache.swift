// The small files that were asked for last, by path, within a bound of memory. It is told what is there and opens nothing.
// Only files that exist are in it, so that nobody can fill it with names of their own making.

import Reactor

/// Small files by path. Four places are looked at for each: a file goes into one that is free, or else in place of the one
/// that was looked at longest ago.
final class FileCache {
    /// The largest file that is kept, in bytes.
    static let largestFile = 64 * 1024
    /// Memory of all files together, in bytes.
    static let memory = 16 * 1024 * 1024

    private static let slotCount = 1024
    private static let ways = 4

    private var slots = [CachedFile?](repeating: nil, count: slotCount + ways - 1)
    private(set) var byteCount = 0
    /// Where the next file is thrown out when there is too much.
    private var hand = 0
    /// Other for every process, so that nobody knows which names share their places.
    private let seed = UInt64.random(in: 0 ... .max)

    /// The file with this path, if it is here.
    @inline(__always)
    func file(_ bytes: RawSpan, _ path: Range<Int>) -> CachedFile? {
        let first = slot(bytes, path)
        for index in first..<first &+ Self.ways {
            if let file = slots[index], bytes.equals(file.path, at: path) { return file }
        }
        return nil
    }

    /// Keeps a file, in place of another of the same path.
    func insert(_ file: CachedFile) {
        let path = file.path
        let first = unsafe slot(path.span.bytes, 0..<path.count)  // safe: a UInt8 has no padding
        let places = first..<first + Self.ways
        let same = places.first { slots[$0]?.path == file.path }
        let oldest = places.min { (slots[$0]?.checked.nanoseconds ?? -1) < (slots[$1]?.checked.nanoseconds ?? -1) }
        guard let place = same ?? oldest else { return }
        drop(place)
        while byteCount + file.byteCount > Self.memory {
            drop(hand)
            hand = (hand + 1) % slots.count
        }
        slots[place] = file
        byteCount += file.byteCount
    }

    /// Forgets a file.
    func remove(_ file: CachedFile) {
        if let place = slots.firstIndex(where: { $0 === file }) { drop(place) }
    }

    private func drop(_ place: Int) {
        byteCount -= slots[place]?.byteCount ?? 0
        slots[place] = nil
    }

    /// FNV-1a, begun with the seed.
    @inline(__always)
    private func slot(_ bytes: RawSpan, _ path: Range<Int>) -> Int {
        var hash = seed
        for index in path { hash = (hash ^ UInt64(bytes.byte(at: index))) &* 0x0000_0100_0000_01b3 }
        return Int(truncatingIfNeeded: (hash ^ hash >> 32) & UInt64(Self.slotCount - 1))
    }
}
