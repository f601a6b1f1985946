// Watches of pipes and files, and of signals.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct DescriptorWatchTests {
    @Test(arguments: Backend.all) func aPipeIsReadableAndThenEnds(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let pair = Pair.pipe()
            var (text, ends) = ("", 0)
            var watch: DescriptorWatch?
            watch = try loop.watch(pair.first, for: .readable) { readiness in
                let bytes = pair.first.takeAll()
                text += String(decoding: bytes, as: UTF8.self)
                if bytes.isEmpty {
                    ends += 1
                    watch?.cancel()
                }
            }
            pair.second.put("one ")
            try loop.run { text == "one " }
            pair.second.put("two")
            try loop.run { text == "one two" }
            pair.closeSecond()
            try loop.run { ends == 1 }
            try loop.run(for: .milliseconds(10))
            #expect(ends == 1)
            #expect(loop.registrationCount == 1)
        }
    }

    @Test(arguments: Backend.all) func interestChangesAndIsAsked(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let pair = Pair.sockets()
            var told: [Readiness] = []
            let watch = try loop.watch(pair.first, for: []) { told.append($0) }
            pair.second.put("x")
            try loop.run(for: .milliseconds(5))
            #expect(told.isEmpty, "nothing was asked for")
            watch.interest = .readable
            try loop.run { told.contains { $0.contains(.readable) } }
            #expect(told.allSatisfy { !$0.contains(.writable) })
            told = []
            watch.interest = .writable
            try loop.run { told.contains { $0.contains(.writable) } }
            #expect(told.allSatisfy { !$0.contains(.readable) })
            watch.interest = []
            try loop.turn(mayWait: false)
            told = []
            pair.second.put("y")
            try loop.run(for: .milliseconds(5))
            #expect(told.isEmpty)
            watch.cancel()
            watch.cancel()
            #expect(watch.interest == [])
            watch.interest = .readable
            try loop.run(for: .milliseconds(2))
            #expect(told.isEmpty)
        }
    }

    @Test(arguments: Backend.all) func aRegularFileIsReadyOnceATurn(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let file = regularFile("text")
            defer { close(file.rawValue) }
            var callsByTurn: [Int: Int] = [:]
            let watch = try loop.watch(file, for: .readable) { _ in callsByTurn[loop.statistics.turns, default: 0] += 1
            }
            for _ in 0..<3 {
                watch.interest = []
                try loop.turn(mayWait: false)
                watch.interest = .readable
                try loop.turn(mayWait: false)
            }
            callsByTurn = [:]
            // After the turn in which an edge-triggered watch looks again by itself.
            for _ in 0..<5 { try loop.turn() }
            #expect(callsByTurn.count == 5)
            #expect(callsByTurn.values.allSatisfy { $0 == 1 })
            watch.interest = []
            try loop.turn(mayWait: false)
            callsByTurn = [:]
            try loop.run(for: .milliseconds(5))
            #expect(callsByTurn.isEmpty)
        }
    }

    @Test(arguments: Backend.all) func aHangUpThatNobodyWantsToHearOfDoesNotSpin(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let pair = Pair.pipe()
            var told: [Readiness] = []
            let watch = try loop.watch(pair.first, for: []) { told.append($0) }
            try loop.turn(mayWait: false)
            pair.closeSecond()
            let waits = kernel.waits
            try loop.run(for: .milliseconds(500))
            #expect(kernel.waits - waits <= 3)
            #expect(told.isEmpty)
            watch.interest = .readable
            try loop.run { !told.isEmpty }
            watch.cancel()
        }
    }

    /// The owner is freed by the cancellation, and cancels as it goes.
    private final class Owner {
        var watch: DescriptorWatch?
        deinit { watch?.cancel() }
    }

    @Test(arguments: Backend.all) func anOwnerMayCancelItsWatchAsItGoes(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let pair = Pair.pipe()
            var owner: Owner? = Owner()
            let watch = try loop.watch(pair.first, for: .readable) { [owner] _ in _ = owner }
            owner?.watch = watch
            owner = nil
            watch.cancel()
            #expect(loop.registrationCount == 1 || loop.registrationCount == 2)
            try loop.turn(mayWait: false)
            #expect(loop.registrationCount == 1)
        }
    }

    @Test(arguments: Backend.all) func anOpenNumberIsNeededToWatch(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            #expect(throws: SocketError.self) {
                _ = try loop.watch(FileDescriptor(rawValue: -1), for: .readable) { _ in }
            }
            #expect(loop.registrationCount == 1)
        }
    }

    @Test(arguments: Backend.all) func aSignalToThisThreadIsAnEvent(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let before = isBlocked(SIGUSR1)
            var caught = 0
            let watch = try loop.watchSignal(.user1) {
                caught += 1
                if caught == 1 { _ = pthread_kill(pthread_self(), SIGUSR1) }
            }
            _ = pthread_kill(pthread_self(), SIGUSR1)
            try loop.run { caught == 2 }
            #expect(watch.signal == .user1)
            watch.cancel()
            watch.cancel()
            #expect(isBlocked(SIGUSR1) == before, "the signal has its former effect again")
        }
    }

    private func isBlocked(_ signal: CInt) -> Bool {
        var mask = sigset_t()
        unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
        return unsafe sigismember(&mask, signal) == 1
    }

    @Test(arguments: Backend.all) func descriptorsThatTheSelectorRefusedForLackOfMemoryAreTriedAgain(
        _ backend: Backend
    ) throws {
        let kernel = FaultyKernel()
        let loop = try EventLoop(backend: backend, kernel: kernel)
        kernel.fail(.epollControl, with: .noSpace, times: 3)  // the loop's own wake-up among them
        let handle = loop.handle
        var isOver = false
        let guardTimer = loop.schedule(after: .seconds(2)) { loop.stop() }
        loop.schedule(after: .milliseconds(300)) {
            _ = TestThread { handle.execute { $0.stop() } }
        }
        defer { _ = guardTimer }
        let start = ContinuousClock.now
        try loop.run()
        isOver = ContinuousClock.now - start < .seconds(1.5)
        #expect(isOver, "other threads can wake the loop")
        #expect(kernel.waits < 100)
    }
}
