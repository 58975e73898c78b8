// swift-tools-version:5.9
import PackageDescription

// ReaderText is plain Foundation and builds anywhere; Reader needs ONNX Runtime (MIT), whose Swift
// package is for Apple's systems. step.onnx asks for 1.25 or newer: see the README for where that
// package is older.
var products: [Product] = [.library(name: "ReaderText", targets: ["ReaderText"])]
var targets: [Target] = [
    .target(name: "ReaderText"),
    .executableTarget(name: "check", dependencies: ["ReaderText"]),
]
var dependencies: [Package.Dependency] = []

#if os(macOS)
products.append(.library(name: "Reader", targets: ["Reader"]))
dependencies.append(
    .package(url: "https://github.com/microsoft/onnxruntime-swift-package-manager", from: "1.24.2"))
targets += [
    .target(
        name: "Reader",
        dependencies: [
            "ReaderText",
            .product(name: "onnxruntime", package: "onnxruntime-swift-package-manager"),
        ]),
    .executableTarget(name: "summarize", dependencies: ["Reader"]),
]
#endif

let package = Package(
    name: "reader",
    platforms: [.iOS(.v16), .macOS(.v14)],
    products: products,
    dependencies: dependencies,
    targets: targets
)
