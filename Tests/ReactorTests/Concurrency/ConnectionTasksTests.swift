// Tasks of connections with handlers, references for other threads, and what tasks write within one turn.

import Reactor
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct ConnectionTasksTests {
    @Test(arguments: AsyncWorld.all) func aHandlerMayAwait(_ world: AsyncWorld) throws {
        try world.run { loop in
            let totals = Totals()
            let listener = try loop.listen(on: .loopback(port: 0)) { _ in Adder(totals) }
            let client = try await loop.connect(to: listener.address)
            try await client.write([1, 2, 3])
            #expect(try await client.readExactly(1) == [6])
            try await client.write([4])
            #expect(try await client.readExactly(1) == [10])
            client.close()
        }
    }

    @Test(arguments: AsyncWorld.all) func aTaskEndsWithItsConnection(_ world: AsyncWorld) throws {
        let notes = Notes()
        let (_, statistics) = try world.run { loop in
            let listener = try loop.listen(on: .loopback(port: 0)) { _ in Sleeper(notes) }
            let client = try await loop.connect(to: listener.address)
            try await client.write("x")
            try await loop.wait { notes.all.count == 1 }
            client.abort()
            try await loop.wait { notes.all.count == 4 }
        }
        #expect(notes.all == ["begins", "closed", "cancelled", "cancelled from the beginning: true"])
        #expect(statistics.handlerErrors == 0)
    }

    @Test func anErrorOfATaskClosesItsConnection() throws {
        let notes = Notes()
        let (_, statistics) = try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            let listener = try loop.listen(on: .loopback(port: 0)) { _ in Thrower(notes) }
            let client = try await loop.connect(to: listener.address)
            try await client.write("x")
            _ = try? await client.readAll()
            try await loop.wait { !notes.all.isEmpty }
            client.close()
        }
        #expect(notes.all == ["true"])
        #expect(statistics.handlerErrors == 1)
    }

    @Test(arguments: AsyncWorld.all) func aReferenceResolvesUntilTheConnectionCloses(_ world: AsyncWorld) throws {
        try world.run { loop in
            let address = try loop.served { try await echo($0) }
            let client = try await loop.connect(to: address)
            let reference = client.base.reference
            #expect(reference == client.base.reference && Set([reference]).contains(client.base.reference))
            #expect(loop.connection(reference) === client.base)
            // In virtual time another thread might be late: there, the loop's own thread gives it.
            if world.isSimulated {
                reference.execute { $0.write("from afar") }
            } else {
                try await onThread { _ = reference.execute { $0.write("from afar") } }
            }
            let echoed = try await client.readExactly(9).map { String(decoding: $0, as: UTF8.self) }
            #expect(echoed == "from afar")
            client.abort()
            #expect(loop.connection(reference) == nil)
            try await loop.sleep(for: .milliseconds(1))
            let next = try await loop.connect(to: address)
            #expect(next.base.reference != reference, "its descriptor may be the same")
            #expect(loop.connection(reference) == nil)
            next.close()
        }
    }

    /// What a pipeline is sent does not depend on whether each reply comes from an actor.
    @Test(arguments: AsyncWorld.all) func repliesOfAnActorLeaveTogether(_ world: AsyncWorld) throws {
        func sends(actor: Bool) throws -> Int {
            let (_, statistics) = try world.run { loop in
                let totals = Totals()
                let address = try loop.served { connection in
                    for try await line in connection.lines() {
                        if actor { _ = await totals.add(1) }
                        try await connection.write(line + "\n")
                    }
                }
                let client = try await loop.connect(to: address)
                for _ in 0..<20 {
                    let request = (0..<16).map { "line \($0)\n" }.joined()
                    try await client.write(request)
                    #expect(try await client.readExactly(request.utf8.count) == Array(request.utf8))
                }
                client.close()
            }
            return statistics.sends
        }
        let (plain, hopping) = (try sends(actor: false), try sends(actor: true))
        #expect(plain <= 45, "a send for each batch, in each direction")
        #expect(hopping <= plain + 5)
    }
}

private actor Totals {
    private var total = 0
    func add(_ number: Int) -> Int {
        total += number
        return total
    }
}

private final class Adder: ConnectionHandler {
    private let totals: Totals
    init(_ totals: Totals) { self.totals = totals }

    func received(_ bytes: RawSpan, on connection: Connection) {
        let sum = Array(bytes).reduce(0) { $0 + Int($1) }
        connection.task { [totals, sum] connection in
            let total = await totals.add(sum)
            connection.write([UInt8(total)])
        }
    }
}

private final class Sleeper: ConnectionHandler {
    private let notes: Notes
    init(_ notes: Notes) { self.notes = notes }

    func received(_ bytes: RawSpan, on connection: Connection) {
        connection.task { [notes] connection in
            notes.add("begins")
            do throws(WaitError) { try await connection.loop.sleep(for: .seconds(1000)) } catch {
                notes.add(error.kind == .cancelled ? "cancelled" : "\(error)")
                throw error
            }
        }
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        notes.add("closed")
        connection.task { [notes] _ in notes.add("cancelled from the beginning: \(Task.isCancelled)") }
    }
}

private final class Thrower: ConnectionHandler {
    private let notes: Notes
    init(_ notes: Notes) { self.notes = notes }

    func received(_ bytes: RawSpan, on connection: Connection) {
        connection.task { _ in
            await Task.yield()
            throw Sorry()
        }
    }

    func closed(_ connection: Connection, reason: CloseReason) { notes.add("\(reason.kind == .handlerError)") }
}
