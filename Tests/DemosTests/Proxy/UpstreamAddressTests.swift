// Upstreams as text, and listeners that would connect to themselves.

import Reactor
import Testing

@testable import Demos

@Suite(.timeLimit(.minutes(20))) struct UpstreamAddressTests {
    @Test(arguments: [
        ("127.0.0.1:80", "127.0.0.1:80", 1), ("db.example:5432=3", "db.example:5432", 3),
        ("[::1]:80=1000", "[::1]:80", 1000), ("unix:/run/a.sock", "unix:/run/a.sock", 1),
        ("unix:/run/a.sock=2", "unix:/run/a.sock", 2), ("unix:/run/a=b/c.sock", "unix:/run/a=b/c.sock", 1),
    ])
    func aWeightFollowsTheDestination(_ text: String, _ destination: String, _ weight: Int) throws {
        #expect(try UpstreamAddress.parse(text) == UpstreamAddress(destination, weight: weight))
    }

    @Test(arguments: [
        "", ":80", "host", "host:", "host:0", "host:65536", "host:80=0", "host:80=1001", "host:80=", "host:80=x",
        "host:80=+1", "unix:", "host:-1",
    ])
    func aMalformedUpstreamIsRefused(_ text: String) {
        #expect(throws: SocketError.self) { try UpstreamAddress.parse(text) }
    }

    @Test(arguments: [
        ("127.0.0.1:80", "127.0.0.1:80", true), ("localhost:80", "127.0.0.1:80", true),
        ("127.0.0.5:80", "0.0.0.0:80", true), ("[::1]:80", "[::]:80", true), ("127.0.0.1:81", "127.0.0.1:80", false),
        ("127.0.0.2:80", "127.0.0.1:80", false), ("10.0.0.1:80", "0.0.0.0:80", false),
        ("unix:/a", "unix:/a", true), ("unix:/a", "unix:/b", false), ("a.example:80", "127.0.0.1:80", false),
    ])
    func aListenerMayNotBeItsOwnUpstream(_ upstream: String, _ listener: String, _ isServed: Bool) throws {
        #expect(try UpstreamAddress.parse(upstream).isServed(by: SocketAddress(listener)) == isServed)
    }
}
