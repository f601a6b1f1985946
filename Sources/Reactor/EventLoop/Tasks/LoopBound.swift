// A value confined to one loop, as other threads hold it: they can send work to it, but never access it themselves.

/// A value confined to a loop's thread, together with the loop's handle.
// Safe to share: the value is accessed only in tasks of its loop, which run on its thread; other threads only pass it
// on. The last reference may be released on another thread, after the loop has ended.
struct LoopBound<Value: AnyObject>: @unchecked Sendable {
    private let value: Value
    let loop: LoopHandle

    /// Binds a value to its loop. Called on the loop's thread.
    init(_ value: Value, on loop: EventLoop) {
        self.value = value
        self.loop = loop.handle
    }

    /// Runs `task` with the value on the loop's thread. Returns `false` when the loop has ended: the task is dropped.
    @discardableResult
    func execute(_ task: @escaping @Sendable (Value) -> Void) -> Bool {
        loop.execute { _ in task(value) }
    }
}
