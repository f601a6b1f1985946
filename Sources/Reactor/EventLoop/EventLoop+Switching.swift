// Changing the selector of a running loop. The registry is the truth and a selector only a cache of it (invariant 2),
// so a switch is a registration of everything with a new cache. It happens as a whole or not at all.
//
//     make the new one -> can it take our numbers? -> register everything -> take its place -> close the old one
//            |                     |                         |
//            +---------------------+-------- no -------------+--> close the new one, throw: nothing has changed
//
// No event is lost. The new selector reports whatever is ready at that moment, because registering with epoll checks
// the descriptor too (epoll_ctl(2), ep_insert), edge-triggered or not. Events that the old one found in this turn are
// still delivered, since tokens and generations stay. Sources in the redispatch list are dispatched once too often.

import SystemPackage

extension EventLoop {
    /// Switches to another selector. Connections, listeners, watches, timers and tasks stay as they are.
    ///
    /// May be called at any time, including inside any callback: the events that were found already are delivered, and
    /// the next wait uses the new selector. It registers every descriptor again in this call, which costs about a
    /// microsecond per descriptor. Switching to the current back end does nothing.
    /// - Parameter backend: the back end to use from the next wait on.
    /// - Throws: ``SocketError`` when the new selector cannot be created, cannot take a registered descriptor (see
    ///   1024 for `select`), or has no memory for all of them; the loop then continues with the
    ///   old one, unchanged.
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
        // Regular files are detected again: the new selector takes them, or refuses them at the next flush.
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
                reason: "it takes descriptors below \(limit) only, and \(highest) is open; use epoll or poll")
        }
        if let errno = registry.move(to: next) {
            throw SocketError(.switchBackend, subject: "\(backend)", errno: errno)
        }
    }
}

extension LoopHandle {
    /// Switches the loop to another selector, as ``EventLoop/switch(to:)`` does. Any thread may call this.
    ///
    /// - Parameters:
    ///   - backend: the back end to use from the next wait on.
    ///   - completion: called on the loop's thread with `nil` on success, or with the error that made the loop keep its
    ///     selector. Without it, a refusal is a ``LoopReport`` of the kind ``LoopReport/Kind/switchRefused``.
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
