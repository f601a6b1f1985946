// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "benchmarks",
    dependencies: [.package(name: "swift-reactor", path: "..")],
    targets: [
        .executableTarget(
            name: "micro",
            dependencies: [.product(name: "Reactor", package: "swift-reactor")],
            path: "Micro")
    ]
)
