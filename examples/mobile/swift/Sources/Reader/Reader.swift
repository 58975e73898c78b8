import Foundation
import OnnxRuntimeBindings
import ReaderText

private let chunk = 256  // tokens a step; any number gives the same
private let ends = ["prose": "<|prose|>", "list": "<|item|>", "heading": "<|heading|>"]

/// What is wrong with a bundle.
public struct BundleError: Error, CustomStringConvertible {
    public let description: String
}

/// A bundle's two portable graphs: step.onnx reads tokens and moves a state of fixed size on,
/// head.onnx scores the sentences of a whole document.
///
/// The folder holds manifest.json, tokenizer.json, step.onnx, head.onnx and weights.bin.
public final class Reader {
    private struct Manifest: Decodable {
        struct State: Decodable {
            let name: String
            let shape: [Int]
            let dtype: String
        }
        struct Step: Decodable { let states: [State] }
        struct Head: Decodable { let vector_size: Int }
        let step: Step
        let head: Head
    }

    private let manifest: Manifest
    private let tokenizer: Tokenizer
    private let environment: ORTEnv
    private let step: ORTSession
    private let head: ORTSession

    public init(_ folder: URL) throws {
        let told = try Data(contentsOf: folder.appendingPathComponent("manifest.json"))
        manifest = try JSONDecoder().decode(Manifest.self, from: told)
        tokenizer = try Tokenizer(folder.appendingPathComponent("tokenizer.json"))
        setenv("ORT_DISABLE_TELEMETRY", "1", 1) // before ONNX Runtime is there: it would report home
        environment = try ORTEnv(loggingLevel: .warning)
        let path = { folder.appendingPathComponent($0).path }
        step = try ORTSession(env: environment, modelPath: path("step.onnx"), sessionOptions: nil)
        head = try ORTSession(env: environment, modelPath: path("head.onnx"), sessionOptions: nil)
    }

    /// The best sentences of a plain text, in its order.
    public func summarize(_ document: String, points: Int) throws -> [String] {
        let sentences = ReaderText.sentences(of: document)
        guard !sentences.isEmpty else { return [] }
        let vectors = try read(tokens(sentences))
        let size = manifest.head.vector_size
        let meanings = vectors.map { Array($0.prefix(size)) }
        let lexicon = Lexicon(sentences)
        let known = features(sentences, lexicon, meanings)
        let scores = try score(sentences, vectors, known)
        return choose(sentences, lexicon, meanings, scores, points: points).map { sentences[$0].text }
    }

    private func tokens(_ sentences: [Sentence]) throws -> [Int32] {
        try sentences.flatMap { sentence -> [Int32] in
            guard let token = ends[sentence.kind], let end = tokenizer.id(token) else {
                throw BundleError(description: "tokenizer.json has no end token for \(sentence.kind)")
            }
            return tokenizer.encode(sentence.text) + [end]
        }
    }

    /// A vector for each sentence: a unit vector of its meaning (256 numbers), then its context (64).
    private func read(_ tokens: [Int32]) throws -> [[Float]] {
        let states = manifest.step.states
        var inputs: [String: ORTValue] = [:]
        for state in states { inputs["past_" + state.name] = try zeros(state) }
        let outputs = Set(states.map { "present_" + $0.name } + ["vectors"])
        var vectors: [[Float]] = []
        for start in stride(from: 0, to: tokens.count, by: chunk) {
            let part = Array(tokens[start..<min(start + chunk, tokens.count)])
            inputs["tokens"] = try tensor(part, .int32, [part.count])
            let made = try step.run(withInputs: inputs, outputNames: outputs, runOptions: nil)
            vectors += try rows(made["vectors"]!)
            for state in states { inputs["past_" + state.name] = made["present_" + state.name] }
        }
        return vectors
    }

    /// How much each sentence matters; higher is more.
    private func score(_ sentences: [Sentence], _ vectors: [[Float]], _ known: [[Float]]) throws -> [Float] {
        let size = manifest.head.vector_size
        let context = vectors.map { Array($0.dropFirst(size)) }
        let inputs = try [
            "vector": tensor(vectors.map { Array($0.prefix(size)) }),
            "context": tensor(context),
            "place": tensor(known),
            "mean": tensor([mean(of: sentences, vectors)]),
            "last": tensor([context.last!]),
        ]
        let made = try head.run(withInputs: inputs, outputNames: ["score"], runOptions: nil)
        return try rows(made["score"]!).map { $0[0] }
    }

    private func zeros(_ state: Manifest.State) throws -> ORTValue {
        let types: [String: ORTTensorElementDataType] = ["float32": .float, "int32": .int32]
        guard let type = types[state.dtype] else {
            throw BundleError(description: "the state \(state.name) is \(state.dtype), expected float32 or int32")
        }
        let count = state.shape.reduce(1, *)
        return try tensor([Int32](repeating: 0, count: count), type, state.shape)  // zero is zero
    }

    private func tensor(_ rows: [[Float]]) throws -> ORTValue {
        try tensor(rows.flatMap { $0 }, .float, [rows.count, rows[0].count])
    }

    private func tensor<Number>(
        _ numbers: [Number], _ type: ORTTensorElementDataType, _ shape: [Int]
    ) throws -> ORTValue {
        let data = numbers.withUnsafeBytes { NSMutableData(bytes: $0.baseAddress, length: $0.count) }
        return try ORTValue(
            tensorData: data, elementType: type, shape: shape.map { NSNumber(value: $0) })
    }

    private func rows(_ value: ORTValue) throws -> [[Float]] {
        let width = try value.tensorTypeAndShapeInfo().shape[1].intValue
        let numbers = try (value.tensorData() as Data).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        return stride(from: 0, to: numbers.count, by: width).map { Array(numbers[$0..<$0 + width]) }
    }
}
