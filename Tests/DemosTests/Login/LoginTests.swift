// The login in the simulated world: what it says, to whom, how often and after how long; and the file of its users.

import Reactor
import ReactorTesting
import Synchronization
import TestSupport
import Testing

@testable import Demos

/// Knows one user, and counts what it is asked.
final class OneUser: PasswordVerifier {
    let asked = Mutex(0)
    let isBroken: Bool

    init(isBroken: Bool = false) { self.isBroken = isBroken }

    func verify(user: [UInt8], password: [UInt8]) -> LoginVerdict {
        asked.withLock { $0 += 1 }
        if isBroken { return .unavailable }
        return user == Array("anna".utf8) && password == Array("secret".utf8) ? .right : .wrong
    }
}

@Suite(.timeLimit(.minutes(20))) struct LoginTests {
    private final class World {
        let simulation: Simulation
        let verifier: OneUser
        let guardian = LoginGuard()

        init(seed: UInt64 = 1, faults: Faults = .none, backend: Backend = .epoll(), isBroken: Bool = false) throws {
            simulation = try Simulation(seed: seed, faults: faults, backend: backend)
            verifier = OneUser(isBroken: isBroken)
            try simulation.listen { [verifier, guardian] _ in
                LoginSession(verifier, guardian).framed(by: LoginSession.framing())
            }
        }

        /// What a client is told that says all this and ends its stream, from an address of its own.
        func told(_ text: String, from number: UInt8 = 1, finishing: Bool = true) throws -> String {
            let client = simulation.connect(from: .ipv4(10, 0, 0, number, port: 0))
            client.write(text)
            if finishing { client.closeWrite() }
            try simulation.run(within: .seconds(90)) { client.isOver }
            return client.text
        }
    }

    @Test(arguments: Backend.all) func whoKnowsThePasswordHasAnEcho(_ backend: Backend) throws {
        for seed in 0..<5 as Range<UInt64> {
            let world = try World(seed: seed, faults: survivableFaults, backend: backend)
            let text = try world.told("anna\r\nsecret\nhello\nwörld\nquit\nlost\n")
            #expect(
                text == """
                    user:
                    password:
                    * welcome, anna; your lines are echoed, quit ends
                    hello
                    wörld
                    * goodbye

                    """)
            try world.simulation.check()
        }
    }

    @Test func anUnknownUserAndAWrongPasswordGetTheSameReply() throws {
        let world = try World()
        let wrong = try world.told("anna\nwrong\n", from: 1)
        #expect(wrong == "user:\npassword:\n! wrong user or password\nuser:\n")
        #expect(try world.told("nobody\nsecret\n", from: 2) == wrong)
        #expect(try world.told("\n\n", from: 3) == wrong)
        #expect(world.verifier.asked.withLock { $0 } == 3, "nobody is told without being asked for the password")
        try world.simulation.check()
    }

    @Test func threeTriesAConnectionAndAWaitForTheAddress() throws {
        let world = try World()
        let many = String(repeating: "anna\nwrong\n", count: 10)
        let first = try world.told(many, finishing: false)
        #expect(first.hasSuffix("! wrong user or password; goodbye\n"))
        #expect(world.verifier.asked.withLock { $0 } == 3)
        // Whoever comes back has to wait, however right the password is; others need not.
        let again = "! too many wrong passwords from your address; try again in 1 s\n"
        #expect(try world.told("anna\nsecret\n", finishing: false) == again)
        #expect(try world.told("anna\nsecret\n", from: 2).contains("welcome"))
        try world.simulation.run(for: .seconds(2))
        // Each wrong try more doubles the wait.
        for seconds in [2, 4, 8, 16] {
            _ = try world.told("anna\nwrong\n")
            let text = try world.told("anna\nsecret\n", finishing: false)
            #expect(text == "! too many wrong passwords from your address; try again in \(seconds) s\n")
            try world.simulation.run(for: .seconds(seconds + 1))
        }
        #expect(try world.told("anna\nsecret\n").contains("welcome"))
        #expect(world.verifier.asked.withLock { $0 } == 9)
        try world.simulation.check()
    }

    @Test func aLoginWithoutAThreadIsRejectedAtOnce() throws {
        let world = try World()
        (world.simulation.workers.count, world.simulation.workers.queueLimit) = (1, 1)
        let clients = (1...4).map { world.simulation.connect(from: .ipv4(10, 0, 0, $0, port: 0)) }
        for client in clients { client.write("anna\nsecret\nx\n") }
        try world.simulation.run {
            clients.allSatisfy { $0.text.contains("\nx\n") || $0.text.contains("! too many logins") }
        }
        #expect(clients.filter { $0.text.contains("welcome") }.count == 2)
        #expect(
            clients.filter { $0.text.contains("! too many logins in progress; try again\nuser:\npassword:") }
                .count == 2)
        // It does not count as a try.
        let busy = try #require(clients.first { !$0.text.contains("welcome") })
        busy.write("\nanna\nsecret\n")
        try world.simulation.run { busy.text.contains("welcome") }
        try world.simulation.check()
    }

    /// However many guess at the same moment: as many are checked as may be wrong. The others wait, and are sent away.
    @Test(arguments: Backend.all) func guessesAtTheSameMomentAreNoMoreThanOneAfterTheOther(_ backend: Backend) throws {
        let world = try World(backend: backend)
        (world.simulation.workers.count, world.simulation.workers.queueLimit) = (64, 64)
        let clients = (0..<65).map { _ in world.simulation.connect(from: .ipv4(10, 0, 0, 1, port: 0)) }
        for client in clients { client.write("anna\nwrong\n") }
        let isDone = {
            clients.count { $0.text.contains("! wrong user or password") } == 3
                && clients.count { $0.text.contains("! too many wrong passwords from your address") } >= 62
        }
        try world.simulation.run(within: .seconds(30), until: isDone)
        #expect(world.verifier.asked.withLock { $0 } == 3)
        try world.simulation.check()
    }

    /// Those who know their password only wait for each other.
    @Test func manyOfOneAddressLogIn() throws {
        let world = try World()
        (world.simulation.workers.count, world.simulation.workers.queueLimit) = (64, 64)
        let clients = (0..<40).map { _ in world.simulation.connect(from: .ipv4(10, 0, 0, 1, port: 0)) }
        for client in clients { client.write("anna\nsecret\nhello\n") }
        // One that is gone while it waits, and one while it is checked, hold up nobody.
        try world.simulation.run { clients.contains { $0.text.contains("password:") } }
        clients[0].reset()
        clients[39].reset()
        try world.simulation.run(within: .seconds(30)) { clients[1..<39].allSatisfy { $0.text.hasSuffix("\nhello\n") } }
        try world.simulation.check()
    }

    @Test func triesUnderWayCount() {
        let guardian = LoginGuard()
        let now = MonotonicTime(nanoseconds: 1_000_000_000_000)
        let address = SocketAddress.ipv4(10, 0, 0, 1, port: 1)
        for _ in 0..<3 { #expect(guardian.begin(address, at: now) == .admitted) }
        #expect(guardian.begin(address, at: now) == .busy)
        guardian.end(address, wasWrong: false, at: now)
        #expect(guardian.begin(address, at: now) == .admitted)
        for _ in 0..<2 { guardian.end(address, wasWrong: true, at: now) }
        #expect(guardian.begin(address, at: now) == .busy, "the third may be wrong as well")
        guardian.end(address, wasWrong: true, at: now)
        #expect(guardian.begin(address, at: now) == .wait(.seconds(1)))
        let later = now.advanced(by: .seconds(2))
        #expect(guardian.begin(address, at: later) == .admitted)
        #expect(guardian.begin(address, at: later) == .busy, "one at a time from then on")
        guardian.end(address, wasWrong: true, at: later)
        #expect(guardian.begin(address, at: later) == .wait(.seconds(2)))
        // An end without a beginning counts nothing.
        for _ in 0..<9 { guardian.end(.ipv4(10, 0, 0, 2, port: 1), wasWrong: true, at: now) }
        #expect(guardian.begin(.ipv4(10, 0, 0, 2, port: 1), at: now) == .admitted)
    }

    @Test func aSlowClientIsSentAway() throws {
        let world = try World()
        let begin = world.simulation.now
        #expect(try world.told("anna\n", finishing: false) == "user:\npassword:\n! the login timed out; goodbye\n")
        #expect(begin.duration(to: world.simulation.now) < .seconds(61))
        try world.simulation.check()
    }

    @Test func badInputIsRejected() throws {
        let world = try World()
        let long = String(repeating: "a", count: 100_000)
        #expect(try world.told(long, finishing: false).hasSuffix("! a line has at most 511 bytes; goodbye\n"))
        #expect(
            try world.told("anna\n" + long, finishing: false).hasSuffix("! a line has at most 511 bytes; goodbye\n"))
        #expect(try world.told("anna\nsecret\0\n").contains("! wrong user or password"))
        #expect(
            try world.told("an", from: 9) == "user:\n! the last line was incomplete and was ignored; goodbye\n")
        let client = world.simulation.connect(from: .ipv4(10, 0, 0, 8, port: 0))
        client.write("anna\nsecret\n")
        try world.simulation.run { client.text.contains("password:") }
        client.reset()
        try world.simulation.run(for: .seconds(1))
        try world.simulation.check()
    }

    @Test func aFileThatCannotBeReadIsNoWrongPassword() throws {
        let world = try World(isBroken: true)
        let text = try world.told("anna\nsecret\n", finishing: false)
        #expect(text.hasSuffix("! passwords cannot be checked now; goodbye\n"))
        #expect(world.guardian.wait(of: .ipv4(10, 0, 0, 1, port: 1), at: world.simulation.now) == nil)
        try world.simulation.check()
    }

    @Test func drainingWaitsForALoginInProgress() throws {
        let world = try World()
        let (idle, checking) = (world.simulation.connect(), world.simulation.connect())
        checking.write("anna\nsecret\n")
        try world.simulation.run { checking.text.contains("password:") && !idle.text.isEmpty }
        try world.simulation.run { world.simulation.workers.runningCount == 1 }
        world.simulation.loop.drain(within: .seconds(10))
        try world.simulation.run { idle.isOver && checking.isOver }
        #expect(idle.text == "user:\n* the server is closing; goodbye\n")
        #expect(checking.text.contains("* welcome") && checking.text.hasSuffix("* the server is closing; goodbye\n"))
        try world.simulation.check()
    }

    // MARK: Apart from the network

    @Test func theGuardIsBoundedAndForgets() {
        let guardian = LoginGuard(mostAddresses: 100)
        var now = MonotonicTime(nanoseconds: 1_000_000_000_000)
        let address = SocketAddress.ipv4(10, 0, 0, 1, port: 1)
        /// A wrong try, as late as the guard admits it.
        func fail(_ address: SocketAddress) {
            now = now.advanced(by: guardian.wait(of: address, at: now) ?? .zero)
            #expect(guardian.begin(address, at: now) == .admitted)
            guardian.end(address, wasWrong: true, at: now)
        }
        for _ in 0..<100 { fail(address) }
        #expect(guardian.wait(of: .ipv4(10, 0, 0, 1, port: 2), at: now) == .seconds(300), "the port does not matter")
        for number in 0..<1000 {
            fail(.ipv4(10, 1, UInt8(number / 256), UInt8(number % 256), port: 0))
        }
        #expect(guardian.wait(of: address, at: now) == .seconds(300), "who has to wait is not forgotten for others")
        // A whole IPv6 /64 is one address.
        for low in 0..<3 as Range<UInt64> { fail(.ipv6(high: 0x2001_0db8, low: low, port: 0)) }
        #expect(guardian.wait(of: .ipv6(high: 0x2001_0db8, low: 99, port: 0), at: now) != nil)
        now = now.advanced(by: .seconds(901))
        #expect(guardian.wait(of: address, at: now) == nil)
        fail(address)
        #expect(guardian.wait(of: address, at: now) == nil, "it begins anew")
    }

    @Test func comparesInConstantTime() {
        #expect(ConstantTime.areEqual([1, 2, 3], [1, 2, 3]) && ConstantTime.areEqual([], []))
        #expect(!ConstantTime.areEqual([1, 2, 3], [1, 2, 4]) && !ConstantTime.areEqual([1, 2, 3], [1, 2]))
        #expect(!ConstantTime.areEqual([], [0]))
    }
}
