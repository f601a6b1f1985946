// What `reactor bench dispatch` measures: values only.

import Reactor

/// The methods that are compared: the framework's back ends, and plain C with the same calls.
struct DispatchMethod: Sendable, Hashable {
    enum Value: Hashable { case reactor(Backend), plain(PlainCDispatch.Method) }
    let value: Value

    static func reactor(_ backend: Backend) -> DispatchMethod { DispatchMethod(value: .reactor(backend)) }
    static func plain(_ method: PlainCDispatch.Method) -> DispatchMethod { DispatchMethod(value: .plain(method)) }

    /// All methods, each yardstick behind what it is compared with.
    static let all: [DispatchMethod] = [
        .reactor(.epoll(.levelTriggered)), .plain(.epollLevelTriggered), .reactor(.epoll(.edgeTriggered)),
        .plain(.epollEdgeTriggered), .reactor(.poll), .plain(.poll), .reactor(.unlimitedSelect), .plain(.select),
    ]

    /// The name of the line in the figure.
    var name: String {
        switch value {
        case .reactor(.unlimitedSelect): "select"
        case .reactor(let backend): "\(backend)"
        case .plain(let method): "C \(method.reactorName)"
        }
    }

    /// The line that this one is the yardstick of.
    var yardstickOf: String? {
        if case .plain(let method) = value { return method.reactorName }
        return nil
    }
}

/// The parameters of libevent's and libev's benchmark.
struct DispatchPlan: Sendable {
    /// The numbers of pairs, N.
    var pairs: [Int]
    /// The numbers of active pairs, A; `nil` is all of them.
    var active: [Int?] = [1, 100, nil]
    /// The number of chained writes, W.
    var writes = 1000
    /// Iterations per point; the first is discarded.
    var iterations = 25
    /// A point ends early once its iterations have taken this long and there are at least three.
    var patience = Duration.seconds(2)
    var methods = DispatchMethod.all

    /// The smallest number of pairs.
    static let fewest = 64
    /// Descriptors that this process needs besides the pairs.
    static let reserve = 64

    /// Powers of two from 64 to what the limit of descriptors allows.
    static func pairs(within descriptors: Int) -> [Int] {
        var pairs: [Int] = []
        var next = fewest
        while next * 2 + reserve <= descriptors && next <= 1 << 20 {
            pairs.append(next)
            next *= 2
        }
        return pairs
    }

    /// The cells: each number of pairs with each number of active ones that is not larger.
    var cells: [DispatchCell] {
        pairs.flatMap { pairs in
            active.enumerated().compactMap { panel, active in
                let number = active ?? pairs
                return number <= pairs ? DispatchCell(panel: panel, pairs: pairs, active: number) : nil
            }
        }
    }

    /// The heading of a panel.
    func title(_ active: Int?) -> String {
        guard let active else { return "all active" }
        return "\(active.grouped) active"
    }
}

/// One place of the figure.
struct DispatchCell: Sendable, Equatable {
    let panel: Int
    let pairs: Int
    let active: Int
}
