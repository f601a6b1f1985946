// What a login asks about a name and a password. The answer takes as long for a name that nobody has as for a wrong
// password; how it comes about, and what hashes, is not known here.

/// Knows passwords. Its calls block, for milliseconds and longer, and come from threads of the loop's pool.
public protocol PasswordVerifier: AnyObject, Sendable {
    /// Whether a user has this password.
    func verify(user: [UInt8], password: [UInt8]) -> LoginVerdict
}

/// What became of a try.
public enum LoginVerdict: Sendable, Hashable {
    /// The user has this password.
    case right
    /// There is no such user, or this is not the password: who asks is not told which.
    case wrong
    /// The users' file cannot be read.
    case unavailable
}

/// Comparing secrets.
public enum ConstantTime {
    /// Whether two texts are equal, in a time that depends on their lengths only and not on where they differ.
    public static func areEqual(_ first: [UInt8], _ second: [UInt8]) -> Bool {
        var difference: UInt8 = first.count == second.count ? 0 : 1
        for index in 0..<min(first.count, second.count) { difference |= first[index] ^ second[index] }
        return difference == 0
    }
}
