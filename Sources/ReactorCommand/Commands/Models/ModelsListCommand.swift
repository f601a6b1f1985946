// `reactor models list`: which models there are, and why each behaves as it does.

import ArgumentParser
import ServerModels

struct ModelsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Print all models, each with a sentence.")

    func run() {
        for model in ServerModel.all {
            let udp = model.servesDatagrams ? " (also --udp)" : ""
            StandardOutput.print("\(model.description.padded(to: 11))\(model.summary)\(udp)")
            StandardOutput.print(String(repeating: " ", count: 11) + model.explanation)
        }
    }
}
