// A figure as SVG: panels side by side, with a legend below. Lines differ in colour, by the shape of their
// markers and by dashes, so that they can be read without colours; whiskers reach from the least to the largest sample.

/// The drawing of a figure as SVG.
struct ChartSVG {
    private static let panelWidth = 400.0
    private static let panelHeight = 300.0
    private static let left = 58.0
    private static let right = 14.0
    private static let top = 64.0
    private static let bottom = 46.0
    private static let legendLine = 20.0

    private let figure: Figure
    private var parts: [String] = []
    /// The names that have a colour and a marker, in order of appearance.
    private let looks: [String]
    private let x: ChartScale
    private let y: ChartScale

    /// Returns the figure as a complete SVG document.
    static func document(_ figure: Figure) -> String { ChartSVG(figure).drawn }

    /// Returns several figures below each other as one SVG document.
    static func document(_ figures: [Figure]) -> String {
        if let only = figures.first, figures.count == 1 { return document(only) }
        let drawings = figures.map(ChartSVG.init)
        let width = drawings.map(\.width).max() ?? 0
        var y = 0.0
        var parts: [String] = []
        for drawing in drawings {
            parts.append(
                "<svg y=\"\(y)\" width=\"\(drawing.width)\" height=\"\(drawing.height)\">\(drawing.drawn)</svg>")
            y += drawing.height
        }
        let head = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(y)\">"
        return head + "\n" + parts.joined() + "</svg>\n"
    }

    private var drawn: String {
        var drawing = self
        return drawing.draw()
    }

    private init(_ figure: Figure) {
        self.figure = figure
        var looks: [String] = []
        for panel in figure.panels {
            for line in panel.lines where line.yardstickOf == nil && !looks.contains(line.name) {
                looks.append(line.name)
            }
        }
        self.looks = looks
        let points = figure.points.map(\.point)
        x = ChartScale(
            spanning: points.map(\.x) + figure.panels.flatMap { $0.marks.map(\.x) }, from: Self.left,
            to: Self.panelWidth - Self.right)
        y = ChartScale(
            spanning: points.flatMap { [$0.least, $0.most] }, from: Self.panelHeight - Self.bottom, to: 0)
    }

    private var width: Double { Self.panelWidth * Double(max(1, figure.panels.count)) }

    private var legendColumns: Int { max(1, Int(width / 190)) }

    private var height: Double {
        let lines = (legendEntries.count + legendColumns - 1) / legendColumns
        return Self.top + Self.panelHeight + Double(lines) * Self.legendLine + 12
    }

    private mutating func draw() -> String {
        let legend = legendEntries
        let perLine = legendColumns
        add(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(n(width)) \(n(height))\" role=\"img\" "
                + "aria-label=\"\(Self.escaped(figure.title))\">")
        add("<title>\(Self.escaped(figure.title))</title>")
        add("<style>\(Self.style)</style>")
        add("<rect class=\"paper\" width=\"\(n(width))\" height=\"\(n(height))\"/>")
        text(figure.title, at: (width / 2, 22), "title")
        for (index, panel) in figure.panels.enumerated() {
            add("<g transform=\"translate(\(n(Double(index) * Self.panelWidth)) \(n(Self.top)))\">")
            draw(panel, isFirst: index == 0)
            add("</g>")
        }
        for (index, entry) in legend.enumerated() {
            let place = (
                20 + Double(index % perLine) * (width - 20) / Double(perLine),
                Self.top + Self.panelHeight + Double(index / perLine) * Self.legendLine + 6
            )
            drawLegend(entry, at: place)
        }
        add("</svg>")
        return parts.joined(separator: "\n") + "\n"
    }

    // MARK: A panel

    private mutating func draw(_ panel: FigurePanel, isFirst: Bool) {
        let (west, east) = (Self.left, Self.panelWidth - Self.right)
        let south = Self.panelHeight - Self.bottom
        text(panel.title, at: ((west + east) / 2, -12), "panel")
        for tick in x.ticks {
            let place = x.place(of: tick.value)
            line((place, 0), (place, south), tick.isLabelled ? "grid" : "fine")
            if tick.isLabelled { text(ChartScale.label(tick.value), at: (place, south + 16), "tick") }
        }
        for tick in y.ticks {
            let place = y.place(of: tick.value)
            line((west, place), (east, place), tick.isLabelled ? "grid" : "fine")
            if tick.isLabelled { text(ChartScale.label(tick.value), at: (west - 6, place + 4), "value") }
        }
        add(
            "<rect class=\"frame\" x=\"\(n(west))\" y=\"0\" width=\"\(n(east - west))\" height=\"\(n(south))\"/>")
        text(figure.xTitle, at: ((west + east) / 2, south + 36), "axis")
        if isFirst {
            let middle = south / 2
            add(
                "<text class=\"axis\" transform=\"translate(14 \(n(middle))) rotate(-90)\">"
                    + "\(Self.escaped(figure.yTitle))</text>")
        }
        for mark in panel.marks {
            let place = x.place(of: mark.x)
            line((place, 0), (place, south), "mark")
            text(mark.text, at: (place + 4, 12), "note")
        }
        for line in panel.lines { draw(line) }
    }

    private mutating func draw(_ line: FigureLine) {
        guard !line.points.isEmpty else { return }
        let places = line.points.map { (x.place(of: $0.x), y.place(of: $0.median)) }
        let path = places.map { "\(n($0.0)),\(n($0.1))" }.joined(separator: " ")
        add("<g class=\"\(look(of: line))\">")
        add("<title>\(Self.escaped(line.name))</title>")
        add("<polyline points=\"\(path)\"/>")
        for (point, place) in zip(line.points, places) {
            if point.values.count > 1 {
                self.line((place.0, y.place(of: point.least)), (place.0, y.place(of: point.most)), "whisker")
            }
            add(marker(of: line, at: place))
        }
        add("</g>")
    }

    // MARK: Looks

    private func index(of line: FigureLine) -> Int {
        looks.firstIndex(of: line.yardstickOf ?? line.name) ?? 0
    }

    private func look(of line: FigureLine) -> String {
        "line c\(index(of: line) % 6)" + (line.yardstickOf == nil ? "" : " yardstick")
    }

    private func marker(of line: FigureLine, at place: (Double, Double)) -> String {
        let (px, py) = place
        switch index(of: line) % 5 {
        case 0: return "<circle cx=\"\(n(px))\" cy=\"\(n(py))\" r=\"3.5\"/>"
        case 1: return "<rect x=\"\(n(px - 3.2))\" y=\"\(n(py - 3.2))\" width=\"6.4\" height=\"6.4\"/>"
        case 2: return "<path d=\"M\(n(px)) \(n(py - 4.2))l4 7h-8z\"/>"
        case 3: return "<path d=\"M\(n(px)) \(n(py - 4.6))l4.6 4.6l-4.6 4.6l-4.6 -4.6z\"/>"
        default: return "<path d=\"M\(n(px)) \(n(py + 4.2))l4 -7h-8z\"/>"
        }
    }

    private var legendEntries: [FigureLine] {
        var entries: [FigureLine] = []
        for panel in figure.panels {
            for line in panel.lines where !entries.contains(where: { $0.name == line.name }) { entries.append(line) }
        }
        return entries
    }

    private mutating func drawLegend(_ entry: FigureLine, at place: (Double, Double)) {
        add("<g class=\"\(look(of: entry))\">")
        line(place, (place.0 + 30, place.1), "stroke")
        add(marker(of: entry, at: (place.0 + 15, place.1)))
        add("</g>")
        text(entry.name, at: (place.0 + 38, place.1 + 4), "legend")
    }

    // MARK: Elements

    private mutating func add(_ part: String) { parts.append(part) }

    private mutating func line(_ from: (Double, Double), _ to: (Double, Double), _ name: String) {
        add(
            "<line class=\"\(name)\" x1=\"\(n(from.0))\" y1=\"\(n(from.1))\" x2=\"\(n(to.0))\" y2=\"\(n(to.1))\"/>")
    }

    private mutating func text(_ text: String, at place: (Double, Double), _ name: String) {
        add("<text class=\"\(name)\" x=\"\(n(place.0))\" y=\"\(n(place.1))\">\(Self.escaped(text))</text>")
    }

    private func n(_ number: Double) -> String { LoadSummary.text(number, digits: 1) }

    /// Returns a text with the characters that XML reserves as references.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }

    /// Light by default, dark where the reader's system is.
    private static let style = """
        text{font:12px system-ui,sans-serif;fill:#1d2733}.paper{fill:#fff}.title{font-size:16px;font-weight:600}
        .title,.panel,.tick,.axis{text-anchor:middle}.panel{font-size:13px;font-weight:600}.value{text-anchor:end}
        .axis,.tick,.value,.note{fill:#5a6675}.note{font-size:11px}.grid{stroke:#d6dce3}.fine{stroke:#eef1f4}
        .frame{fill:none;stroke:#9aa5b1}.mark{stroke:#5a6675;stroke-dasharray:2 3}
        .line polyline{fill:none;stroke-width:2;stroke-linejoin:round}.line line{stroke-width:2}
        .line .whisker{stroke-width:1.2}.yardstick polyline,.yardstick .stroke{stroke-dasharray:5 4;stroke-width:1.4}
        .yardstick>circle,.yardstick>rect,.yardstick>path{fill-opacity:0}
        .c0 *{stroke:#0b6e4f}.c0 *{fill:#0b6e4f}.c1 *{stroke:#1f6feb;fill:#1f6feb}.c2 *{stroke:#c2410c;fill:#c2410c}
        .c3 *{stroke:#8b3fc4;fill:#8b3fc4}.c4 *{stroke:#7a5c00;fill:#7a5c00}.c5 *{stroke:#b0245f;fill:#b0245f}
        .line polyline{fill:none}
        @media(prefers-color-scheme:dark){text{fill:#e6edf3}.paper{fill:#12171d}.axis,.tick,.value,.note{fill:#9aa7b4}
        .grid{stroke:#2c3641}.fine{stroke:#1d242c}.frame{stroke:#5a6675}.mark{stroke:#9aa7b4}
        .c0 *{stroke:#3fb98a;fill:#3fb98a}.c1 *{stroke:#6cb0ff;fill:#6cb0ff}.c2 *{stroke:#ff9e64;fill:#ff9e64}
        .c3 *{stroke:#c99bf5;fill:#c99bf5}.c4 *{stroke:#e3c04f;fill:#e3c04f}.c5 *{stroke:#f28ab2;fill:#f28ab2}
        .line polyline{fill:none}}
        """
}
