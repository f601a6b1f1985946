// A bounded cache of recently requested small files, by path. Its caller opens and reads the files. It holds existing
// files only, so that a client cannot fill it with invented names.

import Reactor

/// A set-associative cache of small files. Each path maps to four slots; a new file takes a free one, or evicts the one
/// whose file was checked longest ago.
final class FileCache {
    /// The largest file that is cached, in bytes.
    static let largestFile = 64 * 1024
    /// The most memory for all entries together, in bytes.
    static let memory = 16 * 1024 * 1024

    private static let slotCount = 1024
    private static let ways = 4

    private var slots = [CachedFile?](repeating: nil, count: slotCount + ways - 1)
    private(set) var byteCount = 0
    /// The slot that is evicted next when the cache exceeds its memory.
    private var hand = 0
    /// Random per cache, so that a client cannot predict which names share slots.
    private let seed = UInt64.random(in: 0 ... .max)

    /// Returns the cached file with this path, if any.
    @inline(__always)
    func file(_ bytes: RawSpan, _ path: Range<Int>) -> CachedFile? {
        let first = slot(bytes, path)
        for index in first..<first &+ Self.ways {
            if let file = slots[index], bytes.equals(file.path, at: path) { return file }
        }
        return nil
    }

    /// Inserts a file, replacing an entry with the same path.
    func insert(_ file: CachedFile) {
        let path = file.path
        let first = unsafe slot(path.span.bytes, 0..<path.count)  // safe: UInt8 has no padding
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

    /// Removes a file.
    func remove(_ file: CachedFile) {
        if let place = slots.firstIndex(where: { $0 === file }) { drop(place) }
    }

    private func drop(_ place: Int) {
        byteCount -= slots[place]?.byteCount ?? 0
        slots[place] = nil
    }

    /// Hashes a path (FNV-1a, seeded) to the first of its slots.
    @inline(__always)
    private func slot(_ bytes: RawSpan, _ path: Range<Int>) -> Int {
        var hash = seed
        for index in path { hash = (hash ^ UInt64(bytes.byte(at: index))) &* 0x0000_0100_0000_01b3 }
        return Int(truncatingIfNeeded: (hash ^ hash >> 32) & UInt64(Self.slotCount - 1))
    }
}
