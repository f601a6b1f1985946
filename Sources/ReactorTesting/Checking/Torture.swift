// Torture testing, after curl's method: a scripted session runs once to count its fallible calls, then once per call
// and per errno in that call's man page, with only that call failing. It finds the vulnerable places by exhaustion.

public import Reactor
public import SystemPackage

/// Runs a session repeatedly, with one system call failing each time.
public struct Torture {
    /// One run: the call that fails, and the error it fails with.
    public struct Point: Sendable, CustomStringConvertible {
        /// The call's number among the fallible calls of the session, counted from 1.
        public let number: Int
        /// The call.
        public let call: KernelCall
        /// The error that the call fails with.
        public let errno: Errno
        /// A description of the call and its error.
        public var description: String { "call \(number), \(call), fails: \(errno)" }
    }

    /// The back end that the session runs on.
    public let backend: Backend
    private let session: (Simulation) throws -> Void

    /// Creates a torture test of a session.
    ///
    /// - Parameters:
    ///   - backend: the back end that the session runs on.
    ///   - session: listens, connects, exchanges data and closes. It must end whatever fails. A ``SocketError`` that it
    ///     throws because of a fault counts as a valid outcome; a ``SimulationFailure`` does not.
    public init(backend: Backend, session: @escaping (Simulation) throws -> Void) {
        self.backend = backend
        self.session = session
    }

    /// Returns all faults that can occur in the session, one per run.
    ///
    /// - Throws: What the session throws when it runs without faults.
    public func points() throws -> [Point] {
        let world = try Simulation(seed: 1, backend: backend) { $0.recordsCalls = true }
        try session(world)
        try world.check()
        return world.kernel.calls.enumerated().flatMap { index, call in
            call.possibleErrors.map { Point(number: index + 1, call: call, errno: $0) }
        }
    }

    /// Runs the session with one fault and checks the outcome: no leak, no spin, every callback exactly once.
    ///
    /// - Throws: ``SimulationFailure`` when a check fails.
    public func run(_ point: Point) throws {
        let world: Simulation
        do throws(SocketError) {
            world = try Simulation(seed: 1, backend: backend) { $0.failCall(number: point.number, with: point.errno) }
        } catch {
            return  // creating the loop failed, and the error was reported
        }
        do {
            try session(world)
        } catch is SocketError {
            // The error was reported to the caller.
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
