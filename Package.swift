// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [.strictMemorySafety()]

/// A dependency that is resolved only where the trait is enabled, so that an embedder with `traits: []` resolves
/// swift-system alone.
func product(_ name: String, _ package: String, when trait: String) -> Target.Dependency {
    .product(name: name, package: package, condition: .when(traits: [trait]))
}

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "swift-reactor",
    products: [
        .library(name: "Reactor", targets: ["Reactor"]),
        .library(name: "ReactorHTTP", targets: ["ReactorHTTP"]),
        .library(name: "ReactorRedis", targets: ["ReactorRedis"]),
        .library(name: "ReactorTFTP", targets: ["ReactorTFTP"]),
        .library(name: "ServedFiles", targets: ["ServedFiles"]),
        .library(name: "ReactorService", targets: ["ReactorService"]),
        .library(name: "ReactorTesting", targets: ["ReactorTesting"]),
        .library(name: "LoadGenerator", targets: ["LoadGenerator"]),
        .executable(name: "reactor", targets: ["ReactorCommand"]),
        .executable(name: "simulate", targets: ["Simulate"]),
    ],
    // Each trait brings the dependencies of one product, and all are on by default. `Reactor`, `ReactorRedis`, `ReactorTFTP`,
    // `ServedFiles` and `ReactorTesting` need none of them.
    traits: [
        .default(enabledTraits: ["Commands", "FileTransfer", "Service"]),
        .trait(name: "HTTP", description: "ReactorHTTP, which uses swift-http-types."),
        .trait(name: "Service", description: "ReactorService: swift-log, swift-metrics, swift-service-lifecycle."),
        .trait(name: "LoadGenerator", description: "LoadGenerator, which uses hdrhistogram-swift."),
        .trait(
            name: "Commands",
            description: "The programs `reactor` and `simulate`: swift-argument-parser, swift-subprocess.",
            enabledTraits: ["HTTP", "LoadGenerator"]),
        .trait(
            name: "FileTransfer",
            description: "The command `reactor files`: swift-crypto, which takes longer to build than all the rest.",
            enabledTraits: ["Commands"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    ],
    targets: [
        // res_query(3), which the C library itself contains from glibc 2.34 on.
        .target(name: "CReactor", linkerSettings: [.linkedLibrary("resolv", .when(platforms: [.linux]))]),
        .target(name: "Reactor", dependencies: ["CReactor", system], swiftSettings: settings),
        .target(name: "ReactorTesting", dependencies: ["Reactor", system], swiftSettings: settings),
        .target(name: "ServedFiles", dependencies: ["CReactor", "Reactor", system], swiftSettings: settings),
        .target(
            name: "ReactorHTTP",
            dependencies: [
                "CReactor", "Reactor", "ServedFiles", system, product("HTTPTypes", "swift-http-types", when: "HTTP"),
            ],
            swiftSettings: settings),
        .target(name: "ReactorRedis", dependencies: ["Reactor"], swiftSettings: settings),
        .target(name: "ReactorTFTP", dependencies: ["Reactor", "ServedFiles", system], swiftSettings: settings),
        .target(
            name: "ReactorService",
            dependencies: [
                "Reactor", product("Logging", "swift-log", when: "Service"),
                product("Metrics", "swift-metrics", when: "Service"),
                product("ServiceLifecycle", "swift-service-lifecycle", when: "Service"),
            ],
            swiftSettings: settings),
        .target(
            name: "LoadGenerator",
            dependencies: ["Reactor", product("Histogram", "hdrhistogram-swift", when: "LoadGenerator")],
            swiftSettings: settings),
        .target(
            name: "Demos", dependencies: ["CReactor", "Reactor", "ReactorRedis", "ServedFiles", system],
            swiftSettings: settings),
        .target(
            name: "FileTransfer",
            dependencies: [
                "CReactor", "Reactor", "ServedFiles", system, product("Crypto", "swift-crypto", when: "FileTransfer"),
            ],
            swiftSettings: settings),
        // crypt(3) with yescrypt: libxcrypt, which comes with the C library's own development files.
        .target(name: "CCrypt", linkerSettings: [.linkedLibrary("crypt", .when(platforms: [.linux]))]),
        .target(name: "CServerModels"),
        // The yardstick of `reactor bench dispatch`. Not "CDispatch", which is a module of libdispatch.
        .target(name: "CDispatchBench"),
        .target(
            name: "ServerModels", dependencies: ["CReactor", "CServerModels", "Reactor", system],
            swiftSettings: settings),
        .executableTarget(
            name: "ReactorCommand",
            dependencies: [
                "CReactor", "CCrypt", "CDispatchBench", "CServerModels", "Reactor", "ReactorHTTP", "ReactorTFTP",
                "ReactorRedis",
                "ServedFiles", "Demos", "LoadGenerator", "ServerModels",
                .target(name: "FileTransfer", condition: .when(traits: ["FileTransfer"])),
                product("ArgumentParser", "swift-argument-parser", when: "Commands"),
                product("Subprocess", "swift-subprocess", when: "Commands"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "Simulate",
            dependencies: [
                "Reactor", "ReactorTesting", system,
                product("ArgumentParser", "swift-argument-parser", when: "Commands"),
            ],
            swiftSettings: settings),
        .target(
            name: "TestSupport", dependencies: ["Reactor", "ReactorTesting", "ServedFiles", system],
            path: "Tests/TestSupport",
            swiftSettings: settings),
        .testTarget(
            name: "ReactorTests", dependencies: ["Reactor", "ReactorTesting", "TestSupport", system],
            swiftSettings: settings),
        .testTarget(
            name: "ReactorTestingTests", dependencies: ["Reactor", "ReactorTesting", "TestSupport", system],
            swiftSettings: settings),
        .testTarget(
            name: "ReactorServiceTests",
            dependencies: [
                "ReactorService", "Demos", product("MetricsTestKit", "swift-metrics", when: "Service"),
                product("ServiceLifecycleTestKit", "swift-service-lifecycle", when: "Service"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ServedFilesTests", dependencies: ["ServedFiles", "ReactorTesting", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ReactorHTTPTests", dependencies: ["ReactorHTTP", "ReactorTesting", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ReactorTFTPTests", dependencies: ["ReactorTFTP", "ReactorTesting", "TestSupport", system],
            swiftSettings: settings),
        .testTarget(
            name: "ReactorRedisTests", dependencies: ["ReactorRedis", "ReactorTesting"], swiftSettings: settings),
        .testTarget(
            name: "DemosTests", dependencies: ["Demos", "ReactorTesting", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "FileTransferTests", dependencies: ["FileTransfer", "ReactorTesting"], swiftSettings: settings),
        .testTarget(
            name: "ServerModelsTests", dependencies: ["ServerModels", "ReactorTesting"], swiftSettings: settings),
        .testTarget(name: "LoadGeneratorTests", dependencies: ["LoadGenerator", "Demos"], swiftSettings: settings),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "ReactorCommand", "ServerModels", product("Subprocess", "swift-subprocess", when: "Commands"),
            ],
            swiftSettings: settings),
    ]
)
