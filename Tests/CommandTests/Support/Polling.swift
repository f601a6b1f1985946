// Waiting for what another process does, which tells nobody: the one place where a test looks again and again.

import Testing

/// Waits until `condition` holds; an issue when it does not within ``Program/patience``.
func eventually(_ condition: () throws -> Bool) async throws {
    let end = ContinuousClock.now + Program.patience
    while try !condition() {
        try #require(ContinuousClock.now < end, "a condition did not come to hold within \(Program.patience)")
        try await Task.sleep(for: .milliseconds(10))
    }
}
