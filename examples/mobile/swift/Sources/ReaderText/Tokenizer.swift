import Foundation

/// The bundle's byte-level BPE, read from tokenizer.json: NFKC, lower case, each digit by itself, a
/// space before each piece, GPT-2's division into words, then merges in the order of their rank.
public final class Tokenizer {
    private struct Pair: Hashable {
        let left: String
        let right: String
    }

    private struct File: Decodable {
        struct Model: Decodable {
            let vocab: [String: Int32]
            let merges: [[String]]
        }
        let model: Model
    }

    private let ids: [String: Int32]
    private var ranks: [Pair: Int] = [:]
    private var known: [String: [Int32]] = [:]  // words that came before

    public init(_ file: URL) throws {
        let model = try JSONDecoder().decode(File.self, from: Data(contentsOf: file)).model
        ids = model.vocab
        for (rank, merge) in model.merges.enumerated() {
            ranks[Pair(left: merge[0], right: merge[1])] = rank
        }
    }

    /// The ids of one sentence, without its end token.
    public func encode(_ text: String) -> [Int32] {
        var normal = ""
        for scalar in text.precomposedStringWithCompatibilityMapping.unicodeScalars {
            normal += scalar.properties.lowercaseMapping  // letter by letter, whatever follows
        }
        return matches(Self.pieces, normal).flatMap { piece in
            matches(Self.words, piece.hasPrefix(" ") ? piece : " " + piece).flatMap(encodeWord)
        }
    }

    /// The id of an end token, such as "<|prose|>".
    public func id(_ token: String) -> Int32? { ids[token] }

    private func encodeWord(_ word: String) -> [Int32] {
        if let found = known[word] { return found }
        var parts = word.utf8.map { Self.bytes[Int($0)] }
        while parts.count > 1 {
            let pairs = zip(parts, parts.dropFirst()).map { Pair(left: $0, right: $1) }
            guard let best = pairs.filter({ ranks[$0] != nil }).min(by: { ranks[$0]! < ranks[$1]! })
            else { break }
            var at = 0
            while at < parts.count - 1 {  // this merge, wherever it stands
                if parts[at] == best.left && parts[at + 1] == best.right {
                    parts[at] += parts.remove(at: at + 1)
                }
                at += 1
            }
        }
        let found = parts.map { ids[$0]! }
        known[word] = found
        return found
    }

    private static let space =
        "\\u0009-\\u000D \\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000"
    private static let pieces = expression("\\p{N}|\\P{N}+")
    private static let words = expression(
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\(space)\\p{L}\\p{N}]+"
            + "|[\(space)]+(?![^\(space)])|[\(space)]+")

    // Each byte is written as a printable character: itself, or one from 256 on.
    private static let bytes: [String] = {
        let printable = Set(33...126).union(0xA1...0xAC).union(0xAE...0xFF)
        var next = 255
        return (0..<256).map { byte in
            if printable.contains(byte) { return String(Unicode.Scalar(UInt8(byte))) }
            next += 1
            return String(Unicode.Scalar(UInt32(next))!)
        }
    }()
}

func expression(_ pattern: String) -> NSRegularExpression {
    try! NSRegularExpression(pattern: pattern)  // all are written here: none comes from outside
}

func matches(_ expression: NSRegularExpression, _ text: String) -> [String] {
    let whole = text as NSString
    let found = expression.matches(in: text, range: NSRange(location: 0, length: whole.length))
    return found.map { whole.substring(with: $0.range) }
}

func contains(_ expression: NSRegularExpression, _ text: String) -> Bool {
    let range = NSRange(location: 0, length: (text as NSString).length)
    return expression.firstMatch(in: text, range: range) != nil
}
