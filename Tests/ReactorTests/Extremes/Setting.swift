// Numbers at their extremes, and a table of where they can be set: complete, because reflection lists what a value stores.

import Reactor
import Testing

/// Values that no sensible program sets, and that none may be ended by.
enum Extremes {
    static let integers: [Int] = [.min, .min + 1, -1, 0, 1, Int(Int32.max) + 1, .max - 1, .max]
    static let doubles: [Double] = [-.infinity, -1, 0, 1, 2, .greatestFiniteMagnitude, .infinity, .nan]
    static let durations: [Duration] = [
        .seconds(Int64.min) * 2, .seconds(Int64.min), .nanoseconds(Int64.min), .nanoseconds(-1), .zero, .nanoseconds(1),
        .nanoseconds(Int64.max), .seconds(Int64.max), .seconds(Int64.max) * 2,
    ]
    static let ranges: [ClosedRange<Int>] = [
        .min ... .min, .min ... -1, -1...0, 0...0, 0 ... .max, .min ... .max, .max ... .max,
    ]
    static let rates: [RateLimit] = integers.flatMap { rate in
        [.min, 0, .max].map { RateLimit(bytesPerSecond: rate, burst: $0) } + [RateLimit(bytesPerSecond: rate)]
    }
}

/// A stored property and the values that it is set to.
// Safe to share: key paths to stored properties and constant values, which are used on a value of the test's own.
struct Setting<Root>: CustomTestStringConvertible, @unchecked Sendable {
    let label: String
    let changes: [(value: String, apply: (inout Root) -> Void)]
    var testDescription: String { label }

    private init<Value>(_ label: String, _ values: [Value], _ set: @escaping (inout Root, Value) -> Void) {
        self.label = label
        changes = values.map { value in ("\(label) = \(value)", { set(&$0, value) }) }
    }

    init(_ label: String, _ path: WritableKeyPath<Root, Int>) {
        self.init(label, Extremes.integers) { $0[keyPath: path] = $1 }
    }
    init(_ label: String, _ path: WritableKeyPath<Root, Int?>) {
        self.init(label, Extremes.integers) { $0[keyPath: path] = $1 }
    }
    init(_ label: String, _ path: WritableKeyPath<Root, Duration>) {
        self.init(label, Extremes.durations) { $0[keyPath: path] = $1 }
    }
    init(_ label: String, _ path: WritableKeyPath<Root, Duration?>) {
        self.init(label, Extremes.durations) { $0[keyPath: path] = $1 }
    }
    init(_ label: String, _ path: WritableKeyPath<Root, Double>) {
        self.init(label, Extremes.doubles) { $0[keyPath: path] = $1 }
    }
    init(_ label: String, _ path: WritableKeyPath<Root, ClosedRange<Int>>) {
        self.init(label, Extremes.ranges) { $0[keyPath: path] = $1 }
    }
    init(_ label: String, _ path: WritableKeyPath<Root, RateLimit?>) {
        self.init(label, Extremes.rates) { $0[keyPath: path] = $1 }
    }
}

/// Fails for each stored property of a value that is neither in the table nor of a type without numbers.
func expectComplete<Root>(
    _ settings: [Setting<Root>], of value: Any, prefix: String = "", apart neutral: [Any.Type],
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let labels = Set(settings.map(\.label))
    for child in Mirror(reflecting: value).children {
        let label = prefix + (child.label ?? "?")
        let isNeutral = neutral.contains { $0 == type(of: child.value) }
        #expect(
            isNeutral || labels.contains(label), "\(label) is set to no extreme; add it to the table",
            sourceLocation: sourceLocation)
    }
}
