// The interface through which a login checks passwords. A check takes as long for an unknown name as for a wrong
// password; the implementation and its hash function are elsewhere.

/// A verifier of passwords. Its methods block, for milliseconds and longer; they are called on threads of the loop's
/// pool.
package protocol PasswordVerifier: AnyObject, Sendable {
    /// Returns whether a user has this password.
    func verify(user: [UInt8], password: [UInt8]) -> LoginVerdict
}

/// The result of a password check.
package enum LoginVerdict: Sendable, Hashable {
    /// The password is the user's.
    case right
    /// The user is unknown or the password is wrong; the client does not learn which.
    case wrong
    /// The user file cannot be read.
    case unavailable
}

/// Comparison of secrets.
package enum ConstantTime {
    /// Returns whether two texts are equal, in a time that depends on their lengths only.
    package static func areEqual(_ first: [UInt8], _ second: [UInt8]) -> Bool {
        var difference: UInt8 = first.count == second.count ? 0 : 1
        for index in 0..<min(first.count, second.count) { difference |= first[index] ^ second[index] }
        return difference == 0
    }
}
