// swift-tools-version:5.9
import PackageDescription

// ReaderText is plain Foundation and builds anywhere; Reader needs ONNX Runtime (MIT), which has
// Swift packages for Apple's systems.
var products: [Product] = [.library(name: "ReaderText", targets: ["ReaderText"])]
var targets: [Target] = [
    .target(name: "ReaderText"),
    .executableTarget(name: "check", dependencies: ["ReaderText"]),
]
var dependencies: [Package.Dependency] = []

#if os(macOS)
products.append(.library(name: "Reader", targets: ["Reader"]))
dependencies.append(
    .package(url: "https://github.com/microsoft/onnxruntime-swift-package-manager", from: "1.20.0"))
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
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: products,
    dependencies: dependencies,
    targets: targets
)
