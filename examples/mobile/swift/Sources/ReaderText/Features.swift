import Foundation

private let word = expression("[\\p{L}\\p{N}_]+")

/// Two words that follow one another.
struct WordPair: Hashable {
    let first: String
    let second: String
}

/// The words and the word pairs of each sentence, and how often they stand in quotable ones.
public struct Lexicon {
    let words: [[String]]
    let once: [Set<String>]
    let pairs: [Set<WordPair>]
    private(set) var total: [String: Int] = [:]
    private(set) var again: [WordPair: Int] = [:]
    private var count: [String: Int] = [:]
    private var quotable = 0
    private var occurrences = 0

    public init(_ sentences: [Sentence]) {
        words = sentences.map { matches(word, $0.text.lowercased()) }
        once = words.map(Set.init)
        pairs = words.map { Set(zip($0, $0.dropFirst()).map(WordPair.init)) }
        for i in sentences.indices where sentences[i].quotable {
            quotable += 1
            occurrences += words[i].count
            for word in words[i] { total[word, default: 0] += 1 }
            for word in once[i] { count[word, default: 0] += 1 }
            for pair in pairs[i] { again[pair, default: 0] += 1 }
        }
    }

    /// Inverse document frequency.
    func idf(_ word: String) -> Double { log((Double(quotable) + 1) / (Double(count[word] ?? 0) + 0.5)) }

    /// The log of a word's share of the document.
    func spread(_ word: String) -> Double { log((Double(total[word] ?? 0) + 1) / Double(occurrences + 1)) }
}

/// All 25 columns that the head reads of each sentence, as edgehybrid/documents/features.py makes
/// them: where it stands and what it looks like (12), how its words stand in the document (10), how
/// near its neighbours are to what the document is about (3).
public func features(_ sentences: [Sentence], _ lexicon: Lexicon, _ meanings: [[Float]]) -> [[Float]] {
    let columns =
        placeColumns(sentences) + wordColumns(sentences, lexicon) + neighbourColumns(sentences, meanings)
    return sentences.indices.map { i in columns.map { Float($0[i]) } }
}

private func placeColumns(_ sentences: [Sentence]) -> [[Double]] {
    let n = Double(sentences.count)
    let sizes = sentences.map { Double(pieces($0.text).count) }
    let over = lastHeading(sentences, none: -1)
    var seen: [Double] = []
    for sentence in sentences { seen.append((seen.last ?? 0) + (sentence.kind == "heading" ? 1 : 0)) }
    func column(_ value: (Int) -> Double) -> [Double] { sentences.indices.map(value) }
    return [
        column { Double($0) / n },
        column { 1 / (1 + Double($0)) },
        column { 1 / (n - Double($0)) },
        column { log1p(Double($0)) / 6 },
        column { _ in log1p(n) / 6 },
        column { log(max(sizes[$0], 1)) / 4 },
        column { min(sizes[$0] / 40, 3) },
        column { sentences[$0].kind == "list" ? 1 : 0 },
        column { 1 / max(Double($0 - over[$0]), 1) },
        column { seen[$0] / max(seen.last ?? 0, 1) },
        column { share(sentences[$0].text, isFigure) },
        column { share(sentences[$0].text) { $0.properties.isUppercase } },
    ]
}

private func wordColumns(_ sentences: [Sentence], _ lexicon: Lexicon) -> [[Double]] {
    let headings = sentences.indices.filter { sentences[$0].kind == "heading" }
    let quotable = sentences.indices.filter { sentences[$0].quotable }
    let content = lexicon.once.map { $0.filter { lexicon.idf($0) > 1 } }
    let over = lastHeading(sentences, none: -1)
    let squares = lexicon.total.map { pow(Double($0.value) * lexicon.idf($0.key), 2) }
    let length = squares.reduce(0, +).squareRoot()
    func wordsOf(_ chosen: some Sequence<Int>) -> Set<String> {
        chosen.reduce(into: []) { $0.formUnion(lexicon.once[$1]) }
    }
    func column(_ of: [Set<String>], in words: Set<String>) -> [Double] {
        of.map { mean($0) { words.contains($0) ? 1 : 0 } }
    }
    return [
        lexicon.words.map { mean($0, lexicon.idf) / 6 },
        lexicon.words.map { mean($0, lexicon.spread) / 8 },
        content.map { mean($0) { log1p(Double(lexicon.total[$0] ?? 0)) } / 3 },
        lexicon.words.map { centrality(lexicon, $0, length) },
        lexicon.pairs.map { mean($0) { log(Double(max(lexicon.again[$0] ?? 0, 1))) } },
        column(lexicon.once, in: wordsOf(headings)),
        column(content, in: wordsOf(headings.filter { $0 < 3 })),
        column(content, in: wordsOf(quotable.prefix(5))),
        column(content, in: wordsOf(quotable.suffix(8))),
        sentences.indices.map { i in
            let heading = over[i] < 0 ? [] : lexicon.once[over[i]]
            return mean(content[i]) { heading.contains($0) ? 1 : 0 }
        },
    ]
}

// Cosine of a sentence's tf-idf with the document's, whose length is given.
private func centrality(_ lexicon: Lexicon, _ words: [String], _ length: Double) -> Double {
    var own = 0.0
    var along = 0.0
    for (word, count) in Dictionary(words.map { ($0, 1) }, uniquingKeysWith: +) {
        let weight = Double(count) * lexicon.idf(word)
        own += weight * weight
        along += weight * Double(lexicon.total[word] ?? 0) * lexicon.idf(word)
    }
    return along / max(own.squareRoot() * length, 1e-9)
}

private func neighbourColumns(_ sentences: [Sentence], _ meanings: [[Float]]) -> [[Double]] {
    let n = sentences.count
    let about = mean(of: sentences, meanings)
    let near = meanings.map { dot($0, about) }
    let over = lastHeading(sentences, none: 0)
    return [
        sentences.indices.map { near[($0 + n - 1) % n] * 4 },
        sentences.indices.map { near[($0 + 1) % n] * 4 },
        sentences.indices.map { dot(meanings[$0], meanings[over[$0]]) * 2 },
    ]
}

/// The mean of the quotable sentences' vectors; of all, if none is.
public func mean(of sentences: [Sentence], _ vectors: [[Float]]) -> [Float] {
    let quotable = vectors.indices.filter { sentences[$0].quotable }
    let chosen = quotable.isEmpty ? Array(vectors.indices) : quotable
    return vectors[0].indices.map { column in
        Float(chosen.reduce(0.0) { $0 + Double(vectors[$1][column]) } / Double(chosen.count))
    }
}

/// The product of two vectors.
func dot(_ left: [Float], _ right: [Float]) -> Double {
    zip(left, right).reduce(0) { $0 + Double($1.0) * Double($1.1) }
}

// Of each sentence, the last heading up to it, itself included.
private func lastHeading(_ sentences: [Sentence], none: Int) -> [Int] {
    var last = none
    return sentences.indices.map { i in
        if sentences[i].kind == "heading" { last = i }
        return last
    }
}

private func share(_ text: String, _ test: (Unicode.Scalar) -> Bool) -> Double {
    Double(text.unicodeScalars.filter(test).count) / Double(max(text.unicodeScalars.count, 1))
}

private func isFigure(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
}

private func mean<Items: Collection>(_ items: Items, _ value: (Items.Element) -> Double) -> Double {
    items.isEmpty ? 0 : items.reduce(0) { $0 + value($1) } / Double(items.count)
}
