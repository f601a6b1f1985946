// crypt(3) with yescrypt: what `reactor login` checks passwords with. It blocks, and is called from threads of a pool, or
// before there is a loop.

import CCrypt

/// Hashes passwords.
enum Crypt {
    /// yescrypt (crypt(5)), at the cost that the library takes for right.
    private static let scheme = "$y$"
    /// The longest password that crypt(3) takes.
    static let longestPassword = 511

    /// Hashes a new password.
    ///
    /// - Throws: ``CommandFailure`` where the system's library knows no yescrypt.
    static func hash(_ password: [UInt8]) throws -> [UInt8] {
        var salt = [CChar](repeating: 0, count: Int(ccrypt_longest_hash))
        // Safe: the buffer is as long as the call is told that it is.
        guard unsafe ccrypt_salt(scheme, 0, &salt) == 1,
            let hash = hash(password, like: salt.map { UInt8(bitPattern: $0) })
        else {
            throw CommandFailure("this system's crypt(3) knows no yescrypt; install libcrypt (libxcrypt 4)")
        }
        return hash
    }

    /// Hashes a password with the scheme, the cost and the salt of a hash; `nil` when it is none.
    static func hash(_ password: [UInt8], like setting: [UInt8]) -> [UInt8]? {
        var result = [CChar](repeating: 0, count: Int(ccrypt_longest_hash))
        let password = password + [0]
        let setting = setting + [0]
        // Safe: all three end with a zero byte, or are as long as the call takes for granted.
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
