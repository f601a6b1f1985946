// A figure as data: panels of lines over one quantity. Drawn by ChartSVG, written as text by FigureText, and kept as
// JSON, from which `reactor bench report` compares two runs.

/// A figure of a benchmark.
struct Figure: Codable, Equatable {
    let title: String
    let xTitle: String
    let yTitle: String
    var panels: [FigurePanel]
    /// Sentences about the figure: what is plotted, and what the reader has to know.
    var notes: [String]
}

/// A panel of a figure: lines in one coordinate system.
struct FigurePanel: Codable, Equatable {
    let title: String
    var lines: [FigureLine]
    /// Vertical marks.
    var marks: [FigureMark] = []
}

/// A vertical mark in a panel, such as the end of select(2).
struct FigureMark: Codable, Equatable {
    let x: Double
    let text: String
}

/// A line of a panel.
struct FigureLine: Codable, Equatable {
    let name: String
    /// The line that this one belongs to in colour and marker; drawn dashed then. A yardstick has the look of what it
    /// is compared with.
    var yardstickOf: String?
    var points: [FigurePoint] = []
}

/// A point of a line: the samples at one place.
struct FigurePoint: Codable, Equatable {
    let x: Double
    /// In the order in which they were taken; at least one.
    var values: [Double]
    /// Samples that were taken again, because other processes disturbed them.
    var disturbed: Int?

    var median: Double { BenchMedian.median(values) }
    var least: Double { values.min() ?? 0 }
    var most: Double { values.max() ?? 0 }

    /// The range of the samples as a share of their median: 0.2 for ±10 %.
    var spread: Double { median > 0 ? (most - least) / median : 0 }
    /// Whether the samples differ so much that the point should not be compared with others.
    var isUnsteady: Bool { spread > Self.steadySpread }

    /// The largest spread of samples that may be compared.
    static let steadySpread = 0.2
}

extension Figure {
    /// All points, each with its panel and line.
    var points: [(panel: FigurePanel, line: FigureLine, point: FigurePoint)] {
        panels.flatMap { panel in panel.lines.flatMap { line in line.points.map { (panel, line, $0) } } }
    }
}
