// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [.strictMemorySafety()]

let package = Package(
    name: "swift-reactor",
    products: [
        .library(name: "Reactor", targets: ["Reactor"]),
        .library(name: "ReactorTesting", targets: ["ReactorTesting"]),
        .library(name: "ReactorService", targets: ["ReactorService"]),
        .library(name: "LoadGenerator", targets: ["LoadGenerator"]),
        .executable(name: "reactor", targets: ["ReactorCommand"]),
        .executable(name: "simulate", targets: ["Simulate"]),
    ],
    // What only the command line needs and takes minutes to build can be left out: swift build --disable-default-traits
    traits: [
        .default(enabledTraits: ["FileTransfer"]),
        .trait(name: "FileTransfer", description: "The command `reactor files`, which needs swift-crypto."),
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
        .target(name: "CReactor"),
        .target(
            name: "Reactor",
            dependencies: ["CReactor", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: settings),
        .target(
            name: "ReactorTesting",
            dependencies: ["Reactor", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: settings),
        .target(
            name: "ReactorService",
            dependencies: [
                "Reactor",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings),
        .target(
            name: "LoadGenerator",
            dependencies: ["Reactor", .product(name: "Histogram", package: "hdrhistogram-swift")],
            swiftSettings: settings),
        .target(
            name: "Demos",
            dependencies: [
                "CReactor", "Reactor", .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .target(
            name: "FileTransfer",
            dependencies: [
                "CReactor", "Reactor", "Demos", .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Crypto", package: "swift-crypto", condition: .when(traits: ["FileTransfer"])),
            ],
            swiftSettings: settings),
        // crypt(3) with yescrypt: libxcrypt, which comes with the C library's own development files.
        .target(name: "CCrypt", linkerSettings: [.linkedLibrary("crypt", .when(platforms: [.linux]))]),
        .target(name: "CServerModels"),
        .target(
            name: "ServerModels",
            dependencies: [
                "CReactor", "CServerModels", "Reactor", "Demos",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "ReactorCommand",
            dependencies: [
                "CReactor", "CCrypt", "CServerModels", "Reactor", "Demos", "LoadGenerator", "ServerModels",
                .target(name: "FileTransfer", condition: .when(traits: ["FileTransfer"])),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "Simulate",
            dependencies: [
                "Reactor", "ReactorTesting", .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .testTarget(name: "ReactorTests", dependencies: ["Reactor"], swiftSettings: settings),
        .testTarget(
            name: "ReactorTestingTests",
            dependencies: ["Reactor", "ReactorTesting", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: settings),
        .testTarget(
            name: "ReactorServiceTests",
            dependencies: [
                "ReactorService", "Demos", .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings),
        .testTarget(name: "DemosTests", dependencies: ["Demos", "ReactorTesting"], swiftSettings: settings),
        .testTarget(
            name: "FileTransferTests",
            dependencies: ["FileTransfer", "ReactorTesting"],
            swiftSettings: settings),
        .testTarget(
            name: "ServerModelsTests", dependencies: ["ServerModels", "ReactorTesting"], swiftSettings: settings),
        .testTarget(name: "LoadGeneratorTests", dependencies: ["LoadGenerator", "Demos"], swiftSettings: settings),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "ReactorCommand", "ServerModels", .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: settings),
    ]
)
