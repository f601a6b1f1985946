// Changing the selector of a running loop. The registry is the truth and a selector only a cache of it (invariant 2), so
// that a switch is a registration of everything with a new cache. It happens as a whole or not at all.
//
//     make the new one -> can it take our numbers? -> register everything -> take its place -> close the old one
//            |                     |                         |
//            +---------------------+-------- no -------------+--> close the new one, throw: nothing has changed
//
// Nothing is lost on the way. What is ready at that moment is told by the new selector, for registering with epoll looks
// at the descriptor too (epoll_ctl(2), ep_insert), edge-triggered or not. What the old one had found in this turn is
// still delivered, since tokens and generations stay. What was to be looked at again is looked at once too often.

import SystemPackage

extension EventLoop {
    /// Waits with another selector from now on. Connections, listeners, watches, timers and tasks stay as they are.
    ///
    /// May be called at any time, inside every callback too: the events that were found already are delivered, and the
    /// next wait is the new selector's. It registers everything anew in this call, which costs about a microsecond a
    /// descriptor. The back end that the loop has already is no change.
    /// - Throws: ``SocketError`` when the new selector cannot be made, cannot take a descriptor that is registered (see
    ///   ``SelectorCapabilities/descriptorLimit``), or has no memory for all of them; the loop goes on with the old one
    ///   then, as if nothing had been asked.
    public func `switch`(to backend: Backend) throws(SocketError) {
        if isShutDown { throw SocketError(.switchBackend, subject: "\(backend)", reason: "the loop has ended") }
        if backend == currentBackend { return }
        let next = try makeSelector(for: backend)
        do throws(SocketError) {
            try moveRegistrations(to: next, of: backend)
        } catch {
            next.close()
            throw error
        }
        let former = selector
        selector = next
        currentBackend = backend
        isEdgeTriggered = next.capabilities.isEdgeTriggered
        counters.switches += 1
        former.close()
        // Regular files are sorted out anew: the new selector takes them, or refuses them at the next flush.
        alwaysReady = []
        hasAlwaysReady = false
        for source in registry.all() { source.selectorChanged() }
    }

    private func makeSelector(for backend: Backend) throws(SocketError) -> any Selector {
        do throws(SocketError) {
            return try backend.makeSelector(kernel)
        } catch {
            guard let errno = error.errno else { throw error }
            throw SocketError(.switchBackend, subject: "\(backend)", errno: errno)
        }
    }

    private func moveRegistrations(to next: any Selector, of backend: Backend) throws(SocketError) {
        if let limit = next.capabilities.descriptorLimit, let highest = registry.highestDescriptor, highest >= limit {
            throw SocketError(
                .switchBackend, subject: "\(backend)",
                reason: "it takes descriptors below \(limit) only, and \(highest) is open here")
        }
        if let errno = registry.move(to: next) {
            throw SocketError(.switchBackend, subject: "\(backend)", errno: errno)
        }
    }
}

extension LoopHandle {
    /// Has the loop wait with another selector, as ``EventLoop/switch(to:)`` does. Any thread may call this.
    ///
    /// - Parameter completion: told on the loop's thread how it went: `nil`, or why the loop stays with what it has. Without
    ///   it, a refusal is a ``LoopReport`` of the kind ``LoopReport/Kind/switchRefused``.
    /// - Returns: `false` when the loop has ended.
    @discardableResult
    public func `switch`(to backend: Backend, completion: (@Sendable (SocketError?) -> Void)? = nil) -> Bool {
        execute { loop in
            do throws(SocketError) {
                try loop.switch(to: backend)
                completion?(nil)
            } catch {
                if let completion { completion(error) } else { loop.report(.switchRefused, "\(error)") }
            }
        }
    }
}
