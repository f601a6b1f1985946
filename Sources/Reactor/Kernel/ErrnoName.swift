// The names of error numbers, which are what people search for.

import CReactor
package import SystemPackage

extension Errno {
    /// The error in words, followed by its name: `Address already in use (EADDRINUSE)`.
    package var namedDescription: String {
        // Safe: the C library returns null or a static string that ends with a zero byte.
        guard let name = unsafe creactor_errno_name(rawValue) else { return description }
        return unsafe "\(description) (\(String(cString: name)))"
    }
}
