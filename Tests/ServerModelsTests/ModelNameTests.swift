// The models by their names, and what each claims to be able to do.

import ServerModels
import Testing

@Suite(.timeLimit(.minutes(20))) struct ModelNameTests {
    @Test func everyNameIsFoundAgain() {
        for model in ServerModel.all { #expect(ServerModel(model.description) == model) }
        #expect(Set(ServerModel.all).count == ServerModel.all.count)
        #expect(ServerModel("apache") == nil)
    }

    @Test func everyModelHasASentence() {
        for model in ServerModel.all {
            #expect(model.explanation.hasSuffix("."), "\(model)")
            #expect(!model.summary.isEmpty && model.summary.count <= 44, "\(model)")
        }
    }

    @Test func whatIsAConnectionsHasNoDatagrams() {
        let names = ServerModel.all.filter(\.servesDatagrams).map(\.description)
        #expect(names == ["iterative", "busy-loop", "select", "poll", "epoll-lt", "epoll-et"])
    }
}
