// Torture, after curl's method: a scripted session is run once to count its fallible calls, and then once for each call
// and each errno of its man page, with just that call failing. Nobody has to think of the place where a fault hurts.

public import Reactor
public import SystemPackage

/// Runs one session again and again, with one call failing each time.
public struct Torture {
    /// One run: which call fails, and with what.
    public struct Point: Sendable, CustomStringConvertible {
        /// The call's number among the fallible calls of the session, from 1.
        public let number: Int
        /// The call.
        public let call: KernelCall
        /// What it fails with.
        public let errno: Errno
        /// The call and its fate, in words.
        public var description: String { "call \(number), \(call), fails: \(errno)" }
    }

    /// The back end.
    public let backend: Backend
    private let session: (Simulation) throws -> Void

    /// - Parameters:
    ///   - backend: what the session runs on.
    ///   - session: listens, connects, exchanges, closes. It must come to an end whatever fails: what it throws when a
    ///     fault keeps it from going on as a ``SocketError`` is an answer like any other, a ``SimulationFailure`` is not.
    public init(backend: Backend, session: @escaping (Simulation) throws -> Void) {
        self.backend = backend
        self.session = session
    }

    /// All that can go wrong in the session, one at a time.
    public func points() throws -> [Point] {
        let world = try Simulation(seed: 1, backend: backend) { $0.recordsCalls = true }
        try session(world)
        try world.check()
        return world.kernel.calls.enumerated().flatMap { index, call in
            call.possibleErrors.map { Point(number: index + 1, call: call, errno: $0) }
        }
    }

    /// Runs the session with one fault. All must be well in the end: no leak, no spin, every callback exactly once.
    public func run(_ point: Point) throws {
        let world: Simulation
        do throws(SocketError) {
            world = try Simulation(seed: 1, backend: backend) { $0.failCall(number: point.number, with: point.errno) }
        } catch {
            return  // the loop could not be made, and said so
        }
        do {
            try session(world)
        } catch is SocketError {
            // Said so to the caller.
        } catch let failure as SimulationFailure {
            world.loop.shutdown()
            throw world.failure("\(point): \(failure.reason)")
        }
        do {
            try world.check()
        } catch let failure as SimulationFailure {
            throw world.failure("\(point): \(failure.reason)")
        }
    }
}
