// Networks and the policy made of them.

import Reactor
import Testing

@Suite(.timeLimit(.minutes(20))) struct AcceptPolicyTests {
    private func address(_ host: String) throws -> SocketAddress { try #require(SocketAddress(host: host, port: 1)) }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"), ("0.0.0.0/0", "255.1.1.1", "::1"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
        ("192.0.2.7/32", "192.0.2.7", "192.0.2.8"), ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
        ("2001:db8:0:1::/64", "2001:db8:0:1:ffff::", "2001:db8:0:2::"), ("::1", "::1", "127.0.0.1"),
        ("::/0", "2001:db8::1", "10.0.0.1"), ("::/64", "::1", "10.0.0.1"),
        ("::ffff:10.0.0.0/104", "10.1.1.1", "11.1.1.1"),
        ("128.0.0.0/1", "200.0.0.1", "100.0.0.1"), ("8000::/1", "ffff::", "7fff::"),
    ])
    func aNetworkContainsWhatItSays(_ text: String, _ inside: String, _ outside: String) throws {
        let network = try IPNetwork(text)
        #expect(network.contains(try address(inside)))
        #expect(!network.contains(try address(outside)))
        #expect(!network.contains(try .unix("/tmp/socket")))
        #expect(try IPNetwork(network.description) == network)
    }

    @Test func anIPv4ClientOfAnIPv6ListenerIsWhatItIs() throws {
        let mapped = try address("::ffff:10.1.2.3")
        #expect(try IPNetwork("10.0.0.0/8").contains(mapped))
        #expect(try !IPNetwork("::/0").contains(mapped))
    }

    @Test(arguments: [
        "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08888", "10.0.0.0/8/8", "10.0.0/8",
        "10.0.0.1/8", "::1/0", "::/129", "fe80::1%1/64", "[::]/0", "localhost/8", "10.0.0.0 /8", "010.0.0.0/8",
        "::ffff:10.0.0.0/90", "unix:/tmp/x",
    ])
    func whatIsNoNetworkIsRefusedWithAReason(_ text: String) throws {
        let error = #expect(throws: SocketError.self) { try IPNetwork(text) }
        #expect(error?.operation == .parse && error?.reason.isEmpty == false)
    }

    @Test func theLongestNetworkDecidesInAnyOrder() throws {
        let friends = try ["10.0.0.0/8", "10.6.6.6/32"].map { try IPNetwork($0) }
        let foes = try ["10.6.6.0/24"].map { try IPNetwork($0) }
        for policy in [
            AcceptPolicy(allowing: friends, denying: foes), AcceptPolicy(allowing: friends.reversed(), denying: foes),
        ] {
            #expect(policy.allows(try address("10.1.1.1")))
            #expect(!policy.allows(try address("10.6.6.5")))
            #expect(policy.allows(try address("10.6.6.6")))
            #expect(!policy.allows(try address("192.0.2.1")), "whoever names friends means nobody else")
            #expect(policy.allows(try .unix("@name")))
        }
        #expect(AcceptPolicy(denying: foes).allows(try address("192.0.2.1")))
        #expect(!AcceptPolicy(allowing: foes, denying: foes).allows(try address("10.6.6.1")), "denied where both")
        #expect(AcceptPolicy.everyone.allows(try address("::1")))
    }

    /// Against the plain definition: look at every network, take the longest.
    @Test func fiveThousandNetworksAnswerAsALookAtEachWould() throws {
        var random = Pseudorandom(seed: 42)
        var unique: [IPNetwork: (length: Int, allowed: Bool)] = [:]
        while unique.count < 5000 {
            let length = Int.random(in: 1...32, using: &random)
            let bits = UInt32.random(in: 0 ... .max, using: &random) & (UInt32.max << UInt32(32 - length))
            let text = "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)/\(length)"
            unique[try IPNetwork(text)] = (length, Bool.random(using: &random))
        }
        let policy = AcceptPolicy(
            allowing: unique.filter(\.value.allowed).map(\.key), denying: unique.filter { !$0.value.allowed }.map(\.key)
        )
        for _ in 0..<500 {
            let bits = UInt32.random(in: 0 ... .max, using: &random)
            let client = SocketAddress.ipv4(
                UInt8(bits >> 24), UInt8(bits >> 16 & 255), UInt8(bits >> 8 & 255), UInt8(bits & 255), port: 1)
            let longest = unique.filter { $0.key.contains(client) }.max { $0.value.length < $1.value.length }
            #expect(policy.allows(client) == longest?.value.allowed ?? false, "\(client)")
        }
    }
}
