// `reactor models list`: prints the models, with an explanation of each.

import ArgumentParser
import ServerModels

struct ModelsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List all models with an explanation of each.")

    func run() {
        for model in ServerModel.all {
            let udp = model.servesDatagrams ? " (also --udp)" : ""
            StandardOutput.print("\(model.description.padded(to: 11))\(model.summary)\(udp)")
            StandardOutput.print(String(repeating: " ", count: 11) + model.explanation)
        }
    }
}
