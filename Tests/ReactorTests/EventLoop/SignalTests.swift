// Signals: which can be watched, where they have to arrive, and what children inherit of all this.

import Glibc
import Reactor
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SignalTests {
    @Test(arguments: [
        CInt.min, -1, 0, SIGKILL, SIGSTOP, SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, 32, 33, 65, 128, .max,
    ])
    func whatCannotBeWatchedIsRefusedByName(_ number: CInt) throws {
        try withLoop(.epoll()) { loop in
            let error = #expect(throws: SocketError.self) { try loop.watchSignal(Signal(rawValue: number)) {} }
            #expect("\(error!)".contains("\(Signal(rawValue: number))"))
            #expect(throws: SocketError.self) { try loop.signals([Signal(rawValue: number)]) }
            #expect(loop.registrationCount == 1)
        }
        // Nor does the kernel's side trap for it.
        for wanted in [true, false] {
            _ = LinuxKernel.shared.takePending(Signal(rawValue: number == 32 || number == 33 ? -1 : number))
            if number < 1 || number > 64 {
                #expect(!LinuxKernel.shared.setBlocked(Signal(rawValue: number), wanted).succeeded)
                #expect(!LinuxKernel.shared.setForwarded(Signal(rawValue: number), wanted).succeeded)
                #expect(!LinuxKernel.shared.signalDescriptor(for: [Signal(rawValue: number)]).succeeded)
            }
        }
    }

    @Test(arguments: [34, 64, SIGURG]) func theFirstAndTheLastSignalAreEvents(_ number: CInt) throws {
        try withLoop(.epoll()) { loop in
            var caught = 0
            try loop.watchSignal(Signal(rawValue: number)) { caught += 1 }
            #expect(pthread_kill(pthread_self(), number) == 0)
            try loop.run { caught == 1 }
        }
    }

    /// Signals go to any thread that does not block them; the default action of this one would end the process.
    @Test(arguments: Array(zip(Backend.all, 44...))) func aSignalThatAnotherThreadReceivesComesToTheLoop(
        _ backend: Backend, number: Int
    ) throws {
        let number = CInt(number)
        try onCleanThread {
            try withLoop(backend) { loop in
                var caught = 0
                let watch = try loop.watchSignal(Signal(rawValue: number)) { caught += 1 }
                TestThread {
                    unblockAll()
                    _ = pthread_kill(pthread_self(), number)
                }.join()
                try loop.run { caught == 1 }
                // And so it does when this thread's own mask was changed by somebody else.
                unblockAll()
                _ = pthread_kill(pthread_self(), number)
                try loop.run { caught == 2 }
                watch.cancel()
                #expect(mask() == 0 && action(of: number) == nil, "everything is as it was")
            }
        }
    }

    @Test func twoLoopsMayWatchOneSignal() throws {
        try onCleanThread {
            let (first, second) = (try EventLoop(), try EventLoop())
            defer { second.shutdown() }
            let one = try first.watchSignal(Signal(rawValue: 43)) {}
            var caught = 0
            let two = try second.watchSignal(Signal(rawValue: 43)) { caught += 1 }
            one.cancel()
            first.shutdown()
            TestThread {
                unblockAll()
                _ = pthread_kill(pthread_self(), 43)
            }.join()
            try second.run { caught == 1 }
            two.cancel()
            #expect(action(of: 43) == nil)
        }
    }

    @Test func aHandlerOfTheProcessIsBackWhenTheWatchEnds() throws {
        try onCleanThread {
            _ = Glibc.signal(42) { _ in }
            let before = action(of: 42)
            try withLoop(.epoll()) { loop in
                try loop.watchSignal(Signal(rawValue: 42)) {}
                #expect(action(of: 42) != before)
            }
            #expect(action(of: 42) == before && before != nil)
            _ = Glibc.signal(42, SIG_DFL)
        }
    }

    // MARK: Children

    @Test func childrenOfOffloadedWorkHaveNoSignalBlocked() throws {
        try onCleanThread {
            try withLoop(.epoll()) { loop in
                try loop.watchSignal(Signal(rawValue: 41)) {}
                var found: UInt64?
                try loop.offload {
                    maskOfChild()
                } then: {
                    found = try? $0.get()
                }
                try loop.run { found != nil }
                #expect(found == 0)
            }
        }
    }

    /// No mask keeps `SIGPIPE` from the thread, for a child would inherit it; and yet it ends nothing.
    @Test func aWriteOfOffloadedWorkThatFailsRaisesNothing() throws {
        try onCleanThread {
            try withLoop(.epoll()) { loop in
                var found: CInt?
                try loop.offload { () -> CInt in
                    var ends: [CInt] = [0, 0]
                    _ = unsafe pipe(&ends)
                    close(ends[0])
                    let result = unsafe write(ends[1], "x", 1)
                    let error = errno
                    close(ends[1])
                    return result < 0 ? error : 0
                } then: {
                    found = try? $0.get()
                }
                try loop.run { found != nil }
                #expect(found == EPIPE)
            }
        }
    }

    @Test func childrenOfALoopHaveNothingBlockedButWhatItWatches() throws {
        try onCleanThread {
            let masks = Mutex<[UInt64?]>([])
            let server = try TCPServer(on: "127.0.0.1:0", loops: 2)
            let loop = try EventLoop()
            let watch = try loop.watchSignal(Signal(rawValue: 40)) {}
            let listening = try server.listen(on: loop) { _ in
                let mask = maskOfChild()
                masks.withLock { $0.append(mask) }
                return { _ in EchoHandler() }
            }
            #expect(
                masks.withLock { Set($0) } == [1 << 39, 0], "the first loop's own, and that of a thread of its own")
            watch.cancel()
            #expect(maskOfChild() == 0)
            listening.shutdown()
        }
    }

    @Test func aThreadStartsWithTheMaskOfTheOneThatStartsIt() throws {
        try onCleanThread {
            var set = sigset_t()
            unsafe sigemptyset(&set)
            unsafe sigaddset(&set, SIGUSR2)
            unsafe pthread_sigmask(SIG_BLOCK, &set, nil)  // for a thread of the program's own that waits for it
            try withLoop(.epoll()) { loop in
                var found: UInt64?
                try loop.offload {
                    mask()
                } then: {
                    found = try? $0.get()
                }
                try loop.run { found != nil }
                #expect(found == 1 << UInt64(SIGUSR2 - 1))
            }
        }
    }

    /// Runs on a thread that has no signal blocked, as a program's first one; those of Swift's pool have all.
    private func onCleanThread(_ body: @escaping @Sendable () throws -> Void) throws {
        let result = Mutex<(any Error)?>(nil)
        TestThread {
            unblockAll()
            do { try body() } catch { result.withLock { $0 = error } }
        }.join()
        if let error = result.withLock({ $0 }) { throw error }
    }
}

private func unblockAll() {
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
}

/// The calling thread's mask, signal 1 in bit 0.
private func mask() -> UInt64 {
    var set = sigset_t()
    unsafe pthread_sigmask(SIG_BLOCK, nil, &set)
    return (1...64 as ClosedRange<CInt>).reduce(0) { bits, number in
        unsafe sigismember(&set, number) == 1 ? bits | 1 << UInt64(number - 1) : bits
    }
}

/// What a child that the calling thread starts says of its mask (proc(5), `SigBlk`).
private func maskOfChild() -> UInt64? {
    // In the shell's place: what dash starts has no signal blocked, whatever the shell itself has inherited.
    guard let pipe = unsafe popen("exec grep SigBlk /proc/self/status", "re") else { return nil }
    defer { _ = unsafe pclose(pipe) }
    var line = [CChar](repeating: 0, count: 128)
    guard unsafe fgets(&line, 128, pipe) != nil else { return nil }
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return text.split(whereSeparator: \.isWhitespace).last.flatMap { UInt64($0, radix: 16) }
}

/// The handler of a signal, as a number; `nil` for the default action.
private func action(of signal: CInt) -> UInt? {
    var action = sigaction()
    guard unsafe sigaction(signal, nil, &action) == 0 else { return nil }
    let number = unsafe unsafeBitCast(action.__sigaction_handler, to: UInt.self)
    return number == 0 ? nil : number
}
