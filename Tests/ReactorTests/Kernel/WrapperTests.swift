// Whatever stands in front of another implementation of a protocol has to forward all of it. Default implementations keep
// the compiler from noticing a requirement that was forgotten: a traced handler was never called with `draining`. So the
// sources are read.

import FoundationEssentials
import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct WrapperTests {
    /// A requirement or a member: `accept(_:peer:)`, or the name of a property.
    typealias Signature = String

    struct Wrapper: Sendable, CustomTestStringConvertible {
        let type: String
        let protocolName: String
        /// The property that holds what is wrapped; `nil` when that is of another kind.
        let base: String?
        var testDescription: String { "\(type): \(protocolName)" }
    }

    /// All Swift files, without their comments.
    private static let files: [String] = {
        let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        return ["Sources", "Tests"].flatMap { folder -> [String] in
            let names = (try? FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(folder)")) ?? []
            return names.filter { $0.hasSuffix(".swift") }.sorted().compactMap { name -> String? in
                guard let text = try? String(contentsOfFile: "\(root)/\(folder)/\(name)", encoding: .utf8) else {
                    return nil
                }
                return text.split(separator: "\n", omittingEmptySubsequences: false)
                    .map { $0.drop { $0 == " " }.hasPrefix("//") ? "" : $0 }.joined(separator: "\n")
            }
        }
    }()

    /// The requirements of every protocol, by its name.
    private static let protocols: [String: Set<Signature>] = {
        var found: [String: Set<Signature>] = [:]
        for file in files {
            for match in file.matches(
                of: /(?:^|\n)(?:public |package )?protocol (\w+)[^{]*\{(.*?)\n\}/.dotMatchesNewlines())
            {
                found[String(match.1)] = signatures(in: String(match.2))
            }
        }
        return found
    }()

    /// Those whose base is of another kind, or that stand in for a whole system.
    private static let bridges = [
        Wrapper(type: "MessageAdapter", protocolName: "ConnectionHandler", base: nil),
        Wrapper(type: "ConnectionTask", protocolName: "ConnectionHandler", base: nil),
        Wrapper(type: "ScriptedKernel", protocolName: "SystemCalls", base: nil),
        Wrapper(type: "SimulatedKernel", protocolName: "SystemCalls", base: nil),
        Wrapper(type: "LinuxKernel", protocolName: "SystemCalls", base: nil),
    ]

    /// Every type that conforms to a protocol and holds another implementation of it.
    static let wrappers: [Wrapper] = {
        var wrappers = bridges
        let declaration =
            /\n( *)(?:(?:public|private|package|final) )*(?:class|struct|protocol) (\w+)(?:<[^>]*>)?: ([^{]+)\{/
        for file in files {
            for match in ("\n" + file).matches(of: declaration) {
                let body = match.output.0.base[match.range.upperBound...]
                let end = body.firstRange(of: "\n\(match.1)}")?.lowerBound ?? body.endIndex
                for name in match.3.split(separator: ",").map({ $0.filter { $0 != " " && $0 != "\n" } }) {
                    guard protocols[name] != nil else { continue }
                    let holds = try! Regex<(Substring, Substring)>(#"(?:let|var) (\w+): \(?any \#(name)\b"#)
                    if let base = body[..<end].firstMatch(of: holds) {
                        wrappers.append(
                            Wrapper(type: String(match.2), protocolName: name, base: String(base.output.1)))
                    }
                }
            }
        }
        return wrappers
    }()

    @Test(arguments: wrappers) func forwardsEveryRequirement(_ wrapper: Wrapper) throws {
        let requirements = try #require(Self.protocols[wrapper.protocolName])
        #expect(!requirements.isEmpty)
        let own = Self.files.filter { file in
            ["class ", "struct ", "extension "].contains { file.contains("\($0)\(wrapper.type)") }
        }.joined(separator: "\n")
        let members = Self.signatures(in: own)
        #expect(requirements.subtracting(members) == [], "\(wrapper.type) does not implement these")
        guard let base = wrapper.base else { return }
        for requirement in requirements {
            let name = requirement.prefix { $0 != "(" }
            let isForwarded = own.contains("\(base).\(name)") || own.contains("\(base)?.\(name)")
            #expect(isForwarded, "\(wrapper.type).\(requirement) does not call \(base)")
        }
    }

    /// The test sees what it is about.
    @Test func findsTheWrappers() {
        let found = Set(Self.wrappers.map(\.testDescription))
        for name in [
            "TracedHandler: ConnectionHandler", "TracingKernel: SystemCalls", "ForwardingKernel: SystemCalls",
            "ObservedHandler: ConnectionHandler", "ObservedDatagramHandler: DatagramHandler",
        ] {
            #expect(found.contains(name), "\(found)")
        }
        #expect(Self.protocols["SystemCalls"]?.contains("accept(_:peer:)") == true)
        #expect(Self.protocols["ConnectionHandler"]?.contains("draining(_:)") == true)
    }

    /// The functions and properties that a text declares.
    private static func signatures(in text: String) -> Set<Signature> {
        var signatures: Set<Signature> = []
        for match in text.matches(of: /\bvar (\w+):/) { signatures.insert(String(match.1)) }
        for match in text.matches(of: /\bfunc (\w+)(?:<[^>]*>)?\(/) {
            var (depth, labels, label) = (0, "", "")
            var isInLabel = true
            for character in text[match.range.upperBound...] {
                if depth == 0 && (character == "," || character == ")") {
                    (label, isInLabel) = ("", true)
                    if character == ")" { break }
                } else if "([<{".contains(character) {
                    depth += 1
                } else if ")]}".contains(character) || character == ">" {
                    depth = max(0, depth - 1)
                } else if depth == 0 && isInLabel {
                    if character == ":" || character == " " && !label.isEmpty {
                        labels += label + ":"
                        isInLabel = false
                    } else if character != " " && character != "\n" {
                        label.append(character)
                    }
                }
            }
            signatures.insert("\(match.1)(\(labels))")
        }
        return signatures
    }
}
