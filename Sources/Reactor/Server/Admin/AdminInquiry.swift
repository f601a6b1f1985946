// A command of the admin socket that is pending on the loops of a server. The first loop reports at once; each other
// loop is given a task on its own thread. A loop that a callback blocks does not block the reply, which matters most
// just then: after a second, the reply is sent without that loop's report.

/// One loop's report for a command.
enum AdminReport: Sendable {
    case statistics(AdminLoopReading)
    case connections([AdminConnectionReading])
    case switched(former: Backend, descriptors: Int, time: Duration)
    case failed(String)
    case value(AdminValue)
}

/// A command and the loops' reports for it. Confined to the first loop's thread.
final class AdminInquiry {
    private static let patience = Duration.seconds(1)

    private let command: AdminCommand
    private unowned let loop: EventLoop
    private var reports: [AdminReport?]
    private var awaited: Int
    private var timer: LoopTimer?
    private var completion: (([AdminReport?]) -> Void)?

    init(_ command: AdminCommand, on loop: EventLoop) {
        self.command = command
        self.loop = loop
        let loops = command.concernsAllLoops ? 1 + loop.administration.furtherLoops.count : 1
        reports = Array(repeating: nil, count: loops)
        awaited = loops
    }

    /// Collects the reports of all loops.
    ///
    /// - Parameter completion: called once with each loop's report, `nil` for a loop that did not report in time. With
    ///   one loop, it is called before this returns.
    func start(_ completion: @escaping ([AdminReport?]) -> Void) {
        self.completion = completion
        let bound = LoopBound(self, on: loop)
        for (index, other) in loop.administration.furtherLoops.prefix(reports.count - 1).enumerated() {
            let isTaken = other.execute { [command] loop in
                let report = command.report(on: loop)
                bound.execute { $0.receive(report, from: index + 1) }
            }
            if !isTaken { awaited -= 1 }  // that loop has ended
        }
        receive(command.report(on: loop), from: 0)
        guard self.completion != nil else { return }
        timer = loop.schedule(after: Self.patience) { [weak self] in self?.complete() }
    }

    /// Ignores the reports that are still pending.
    func cancel() {
        completion = nil
        if let timer { loop.cancel(timer) }
        timer = nil
    }

    private func receive(_ report: AdminReport, from index: Int) {
        if completion == nil { return }
        reports[index] = report
        awaited -= 1
        if awaited == 0 { complete() }
    }

    private func complete() {
        guard let completion else { return }
        cancel()
        undoPartialSwitch()
        completion(reports)
    }

    /// Switches the loops back if one of them failed to switch: either all loops change their back end or none does.
    private func undoPartialSwitch() {
        guard reports.contains(where: { if case .failed? = $0 { true } else { false } }) else { return }
        for (index, report) in reports.enumerated() {
            guard case .switched(let former, _, _)? = report else { continue }
            // The loop used that back end a moment ago, with the same descriptors.
            if index == 0 {
                try? loop.switch(to: former)
            } else {
                loop.administration.furtherLoops[index - 1].execute { try? $0.switch(to: former) }
            }
        }
    }
}
