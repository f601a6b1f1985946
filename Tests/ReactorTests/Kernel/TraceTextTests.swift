// The words of a trace.

import Testing

@testable import Reactor

@Suite(.timeLimit(.minutes(20))) struct TraceTextTests {
    @Test func errorsHaveTheirNames() {
        #expect(TraceText.result(SystemResult(rawValue: -11)) == "Resource temporarily unavailable (EAGAIN)")
        #expect(TraceText.result(SystemResult(rawValue: 7)) == "7")
    }

    /// Every option that the framework sets is shown by the name that its man page has.
    @Test func optionsHaveTheirNames() {
        let options: [SocketOption] = [
            .reuseAddress, .keepAlive, .sendBuffer, .receiveBuffer, .noDelay, .keepAliveIdle, .keepAliveInterval,
            .keepAliveCount, .userTimeout, .ipv6Only, .bindAddressNoPort, .reusePort, .broadcast,
        ]
        let ofFamilies = [false, true].flatMap { isIPv6 -> [SocketOption] in
            [
                .packetInfo(isIPv6: isIPv6), .multicastHops(isIPv6: isIPv6), .multicastLoop(isIPv6: isIPv6),
                .multicastAll(isIPv6: isIPv6),
            ]
        }
        for option in options + ofFamilies {
            #expect(!TraceText.name(of: option).hasPrefix("level"), "\(option)")
        }
        #expect(TraceText.name(of: .reusePort) == "SO_REUSEPORT")
    }
}
