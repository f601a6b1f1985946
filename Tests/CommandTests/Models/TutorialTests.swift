// Every command of docs/tutorial.md, run as it stands there.

import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct TutorialTests {
    /// The root of the repository: this file is two folders below it.
    static let root = String(#filePath.split(separator: "/").dropLast(4).joined(separator: "/"))
    static let tutorial = text(of: "docs/tutorial.md")
    static let blocks = TutorialBlock.all(in: tutorial)

    static func text(of path: String) -> String {
        (try? String(contentsOfFile: "/\(root)/\(path)", encoding: .utf8)) ?? ""
    }

    @Test func thereAreCommands() { #expect(Self.blocks.count >= 20) }

    /// What a reader sees on the web and what DocC shows is one text.
    @Test func docCHasTheSameText() {
        let article = Self.text(of: "Sources/Reactor/Reactor.docc/FromOneClientToTenThousand.md")
        #expect(article == Self.tutorial)
    }

    @Test(arguments: blocks) func runs(_ block: TutorialBlock) async throws {
        for program in block.programs {
            let isHere = (try? await Executable.name(program).resolveExecutablePath(in: .inherit)) != nil
            if !isHere { try Test.cancel("there is no \(program)") }
        }
        let reactor = try await Program.reactor.resolveExecutablePath(in: .inherit)
        let folder = reactor.removingLastComponent().string
        let process = UInt32(getpid())
        // Every block of every test run has an address of its own: all of 127.0.0.0/8 is loopback.
        let host = "127.\(64 + block.index & 127).\(process >> 8 & 255).\(process & 255)"
        let script = block.script(folder: folder, host: host)
        let outcome = try await Gate.ofProcesses.pass {
            try await Program.run(.name("timeout"), ["-k", "1", "300", "bash", "-c", script])
        }
        #expect(outcome.status == .exited(0), "\(outcome.output)\n\(outcome.error)\nof\n\(script)")
        let lines = (outcome.output + "\n" + outcome.error).split(separator: "\n").map(String.init)
        for expected in block.expected {
            #expect(lines.contains(expected), "it prints \(lines), but \"\(expected)\" stands in the tutorial")
        }
    }
}
