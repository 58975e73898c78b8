import Foundation

private let coverage = 2.0
private let sameMeaning = 0.92
private let sameWords = 0.8
private let stem = 6
private let leastWords = 12

/// The sentences of a document that say most of it, as indices in its order.
///
/// As edgehybrid/tasks/select.py chooses a number of points: what is worth most and covers most word
/// pairs that no chosen sentence holds, for the root of its words. What is left out here: sentences
/// that lean on the one before are not held back, and no length in words can be asked for.
public func choose(
    _ sentences: [Sentence], _ lexicon: Lexicon, _ meanings: [[Float]], _ scores: [Float], points: Int
) -> [Int] {
    var left = sentences.indices.filter { sentences[$0].quotable }
    guard let best = left.map({ scores[$0] }).max() else { return [] }
    let worth = scores.map { exp(Double($0 - best)) }
    var weights: [WordPair: Double] = [:]
    for i in left { for pair in lexicon.pairs[i] { weights[pair, default: 0] += worth[i] } }
    func covered(_ i: Int) -> Double { lexicon.pairs[i].reduce(0) { $0 + weights[$1]! } }
    let most = max(left.map(covered).max()!, 1e-12)
    let stems = lexicon.words.map { Set($0.map { String($0.prefix(stem)) }) }
    func repeats(_ i: Int, _ other: Int) -> Bool {
        let shared = Double(stems[i].intersection(stems[other]).count)
        return shared >= sameWords * Double(min(stems[i].count, stems[other].count))
            || dot(meanings[i], meanings[other]) >= sameMeaning
    }
    func gain(_ i: Int) -> Double {
        let size = Double(max(countWords(sentences[i].text), leastWords))
        return (worth[i] + coverage / most * covered(i)) / size.squareRoot()
    }
    var chosen: [Int] = []
    while !left.isEmpty && chosen.count < points {
        let gains = left.map(gain)
        let next = left.remove(at: gains.firstIndex(of: gains.max()!)!)
        if chosen.contains(where: { repeats(next, $0) }) { continue }
        chosen.append(next)
        for pair in lexicon.pairs[next] { weights[pair] = 0 }
    }
    return chosen.sorted()
}
