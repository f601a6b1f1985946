// A thing of one loop, as others may hold it: they can send work to it, and never touch it themselves.

/// Something that belongs to a loop's thread, with the way back to that thread.
// Safe to share: the value is reached in tasks of its loop only, which run on its thread; others only pass it on. The last
// reference may go elsewhere, when the loop has ended.
struct LoopBound<Value: AnyObject>: @unchecked Sendable {
    private let value: Value
    let loop: LoopHandle

    /// On the loop's thread.
    init(_ value: Value, on loop: EventLoop) {
        self.value = value
        self.loop = loop.handle
    }

    /// Gives the loop a task with the value. `false` when the loop has ended: the task will not run.
    @discardableResult
    func execute(_ task: @escaping @Sendable (Value) -> Void) -> Bool {
        loop.execute { _ in task(value) }
    }
}
