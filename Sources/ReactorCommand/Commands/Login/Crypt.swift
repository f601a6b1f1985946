// Password hashing for `reactor login`: crypt(3) with yescrypt. It blocks, so it is called on pool threads, or before a
// loop runs.

import CCrypt

/// The hashing of passwords.
enum Crypt {
    /// The prefix of yescrypt (crypt(5)), used at the library's default cost.
    private static let scheme = "$y$"
    /// The longest password that crypt(3) accepts, in bytes.
    static let longestPassword = 511

    /// Hashes a new password with a random salt.
    ///
    /// - Throws: ``CommandFailure`` when the system's crypt library does not support yescrypt.
    static func hash(_ password: [UInt8]) throws -> [UInt8] {
        var salt = [CChar](repeating: 0, count: Int(ccrypt_longest_hash))
        // Safe: the buffer has `ccrypt_longest_hash` bytes, the most that the call writes.
        guard unsafe ccrypt_salt(scheme, 0, &salt) == 1,
            let hash = hash(password, like: salt.map { UInt8(bitPattern: $0) })
        else {
            throw CommandFailure("cannot hash a password: this system's crypt(3) has no yescrypt; install libxcrypt 4")
        }
        return hash
    }

    /// Hashes a password with the scheme, cost and salt of an existing hash.
    ///
    /// - Returns: The hash; `nil` when `setting` is not a valid hash.
    static func hash(_ password: [UInt8], like setting: [UInt8]) -> [UInt8]? {
        var result = [CChar](repeating: 0, count: Int(ccrypt_longest_hash))
        let password = password + [0]
        let setting = setting + [0]
        // Safe: password and setting are NUL-terminated, and the result buffer has the `ccrypt_longest_hash` bytes that
        // the call may write.
        let isHash = unsafe password.withUnsafeBytes { password in
            unsafe setting.withUnsafeBytes { setting in
                unsafe ccrypt_hash(
                    password.assumingMemoryBound(to: CChar.self).baseAddress!,
                    setting.assumingMemoryBound(to: CChar.self).baseAddress!, &result)
            }
        }
        return isHash == 1 ? result.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) } : nil
    }
}
