// A line of the script of a ``ScriptedKernel``: an expected call and its result.

public import Reactor
public import SystemPackage

/// A call that a ``ScriptedKernel`` expects, and its result.
public struct ScriptedCall: Sendable, Hashable, CustomStringConvertible {
    /// The expected call.
    public let call: KernelCall
    /// The expected descriptor; `nil` when any will do, or when the call has none.
    public let descriptor: CInt?
    /// The result of the call.
    package let result: SystemResult
    /// The bytes that a receive delivers. The call's result is their number, or 1 for a datagram.
    public let bytes: [UInt8]
    /// The readiness that a wait reports. The call's result is the number of descriptors.
    public let ready: [Ready]

    /// The readiness of one descriptor.
    public struct Ready: Sendable, Hashable {
        let descriptor: CInt
        let readiness: UInt16

        /// Creates the readiness of a descriptor.
        public init(_ descriptor: CInt, _ readiness: Readiness) {
            self.descriptor = descriptor
            self.readiness = readiness.rawValue
        }
    }

    /// Returns a call that succeeds with a result. Default: 0.
    public static func expect(_ call: KernelCall, _ descriptor: CInt? = nil, result: Int = 0) -> ScriptedCall {
        ScriptedCall(call: call, descriptor: descriptor, result: SystemResult(result), bytes: [], ready: [])
    }

    /// Returns a call that fails.
    public static func expect(_ call: KernelCall, _ descriptor: CInt? = nil, fails errno: Errno) -> ScriptedCall {
        ScriptedCall(call: call, descriptor: descriptor, result: SystemResult(errno), bytes: [], ready: [])
    }

    /// Returns a receive that delivers a text; an empty one is the end of the stream.
    public static func receive(_ descriptor: CInt, _ text: String) -> ScriptedCall {
        let bytes = Array(text.utf8)
        return ScriptedCall(
            call: .receive, descriptor: descriptor, result: SystemResult(bytes.count), bytes: bytes, ready: [])
    }

    /// Returns a recvmmsg(2) that delivers one datagram.
    public static func datagram(_ descriptor: CInt, _ text: String) -> ScriptedCall {
        ScriptedCall(
            call: .receiveDatagrams, descriptor: descriptor, result: SystemResult(1), bytes: Array(text.utf8), ready: []
        )
    }

    /// Returns a wait that reports the given readiness.
    public static func wait(_ ready: Ready...) -> ScriptedCall {
        ScriptedCall(call: .wait, descriptor: nil, result: SystemResult(ready.count), bytes: [], ready: ready)
    }

    /// The call and its descriptor.
    public var description: String { descriptor.map { "\(call) \($0)" } ?? "\(call)" }
}
