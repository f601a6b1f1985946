// A thread of this machine, for what cannot be simulated.

import Glibc

/// A thread of this machine that can be waited for.
@safe final class RealThread {
    private var thread = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(Box(body: body)).toOpaque()
        // Safe: the box is retained once here and released once there.
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                unsafe Unmanaged<Box>.fromOpaque(context!).takeRetainedValue().body()
                return nil
            }, box)
        precondition(result == 0, "no thread to be had")
    }

    func join() { _ = pthread_join(thread, nil) }

    private final class Box {
        let body: @Sendable () -> Void
        init(body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
