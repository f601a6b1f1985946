// Random faults that every connection survives, for tests that compare bytes.

import ReactorTesting

/// Faults that end no connection.
package var survivableFaults: Faults {
    var faults = Faults.harsh
    (faults.reset, faults.stuckPeer, faults.abortedAccept) = (0, 0, 0)
    (faults.outOfDescriptors, faults.failingRegistration) = (0, 0)
    return faults
}
