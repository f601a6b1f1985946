// Logarithmic axes: from values to places, and where the ticks stand.

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A logarithmic axis.
struct ChartScale {
    /// The ends of the axis, both positive.
    let least: Double
    let most: Double
    /// Where the ends are drawn, in the units of the drawing.
    let start: Double
    let end: Double

    /// Creates an axis that spans all positive values, with a margin of 4 % at both ends.
    init(spanning values: [Double], from start: Double, to end: Double) {
        let positive = values.filter { $0 > 0 && $0.isFinite }
        let low = log10(positive.min() ?? 1)
        let high = log10(positive.max() ?? 10)
        let span = max(high - low, 0.5)
        let middle = (low + high) / 2
        least = pow(10, middle - span * 0.54)
        most = pow(10, middle + span * 0.54)
        self.start = start
        self.end = end
    }

    /// The place of a value.
    func place(of value: Double) -> Double {
        let share = (log10(max(value, least / 10)) - log10(least)) / (log10(most) - log10(least))
        return start + share * (end - start)
    }

    /// A line of the grid: powers of ten have a label.
    struct Tick: Equatable {
        let value: Double
        let isLabelled: Bool
    }

    /// The ticks inside the axis. Powers of ten are labelled; 2 and 5 times these too, if there are few of them.
    var ticks: [Tick] {
        let decades = Int(log10(least).rounded(.down))...Int(log10(most).rounded(.up))
        let isShort = log10(most) - log10(least) < 2
        var ticks: [Tick] = []
        for decade in decades {
            for digit in [1.0, 2, 5] {
                let value = digit * pow(10, Double(decade))
                guard value >= least && value <= most else { continue }
                ticks.append(Tick(value: value, isLabelled: digit == 1 || isShort))
            }
        }
        return ticks
    }

    /// Returns a label: `0.5`, `20`, `1,000`.
    static func label(_ value: Double) -> String {
        if value >= 1 { return Int(value.rounded()).grouped }
        let digits = max(1, Int((-log10(value)).rounded(.up)))
        return LoadSummary.text(value, digits: min(digits, 6))
    }
}
