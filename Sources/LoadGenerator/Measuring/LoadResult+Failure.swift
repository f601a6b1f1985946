// The verdict on whether a load's figures are meaningful.

extension LoadResult {
    /// The reason why the figures cannot be trusted, in one line; `nil` when they can.
    ///
    /// A load fails when a wrong byte came back, when nothing was measured, or when the server was gone at the end. A
    /// load ended early by ``LoadGenerator/stop()`` fails only for a wrong byte.
    public var failure: String? {
        if errors[.mismatch] > 0 {
            let example = errors.example(of: .mismatch) ?? ""
            return "connections that received wrong bytes: \(errors[.mismatch]) (\(example)); is it an echo server?"
        }
        if wasStopped { return nil }
        if connectionsMade == 0 { return "no message came back: \(firstError ?? "no connection was made in time")" }
        switch configuration.mode {
        case .churn, .datagrams:
            if messages == 0 { return "nothing was measured: \(firstError ?? "no message came back in time")" }
            // Every connection has failed, and at least one of them twice, without a success in between.
            if failedAtEnd > configuration.connections {
                return "the server was gone at the end: the last \(failedAtEnd) attempts failed\(detail)"
            }
            if configuration.mode == .churn { return nil }
        default: break
        }
        if connectionsLeft == 0 { return "all \(connectionsMade) connections were lost\(detail)" }
        if configuration.mode == .idle { return nil }
        if wasSilentAtEnd && failedAtEnd >= connectionsLeft {
            return "the server did not respond at the end: every connection was still waiting for an echo\(detail)"
        }
        return messages == 0 ? "nothing was measured: \(firstError ?? "no message came back in time")" : nil
    }

    private var detail: String { firstError.map { " (\($0))" } ?? "" }

    private var firstError: String? {
        LoadErrors.Kind.all.first { errors[$0] > 0 }.flatMap { errors.example(of: $0) }
    }
}
