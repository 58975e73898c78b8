package edgehybrid.reader

import java.util.Locale
import kotlin.math.ln
import kotlin.math.ln1p
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sqrt

private val WORD = Regex("[\\p{L}\\p{N}_]+")

/** The words and the word pairs of each sentence, and how often they stand in quotable ones. */
class Lexicon(sentences: List<Sentence>) {
    val words: List<List<String>> = sentences.map { sentence ->
        WORD.findAll(sentence.text.lowercase(Locale.ROOT)).map { it.value }.toList()
    }
    val once: List<Set<String>> = words.map { it.toSet() }
    val pairs: List<Set<Pair<String, String>>> = words.map { it.zipWithNext().toSet() }
    private val quotable = sentences.indices.filter { sentences[it].quotable }
    val total: Map<String, Int> = quotable.flatMap { words[it] }.groupingBy { it }.eachCount()
    val again: Map<Pair<String, String>, Int> =
        quotable.flatMap { pairs[it] }.groupingBy { it }.eachCount()
    private val count = quotable.flatMap { once[it] }.groupingBy { it }.eachCount()
    private val occurrences = total.values.sum()

    /** Inverse document frequency. */
    fun idf(word: String) = ln((quotable.size + 1) / ((count[word] ?: 0) + 0.5))

    /** The log of a word's share of the document. */
    fun spread(word: String) = ln(((total[word] ?: 0) + 1.0) / (occurrences + 1))
}

/**
 * All 25 columns that the head reads of each sentence, as edgehybrid/documents/features.py makes
 * them: where it stands and what it looks like (12), how its words stand in the document (10), how
 * near its neighbours are to what the document is about (3).
 */
fun features(sentences: List<Sentence>, lexicon: Lexicon, meanings: List<FloatArray>): Array<FloatArray> {
    val columns = placeColumns(sentences) + wordColumns(sentences, lexicon) +
        neighbourColumns(sentences, meanings)
    return Array(sentences.size) { i -> FloatArray(columns.size) { columns[it][i].toFloat() } }
}

private fun placeColumns(sentences: List<Sentence>): List<DoubleArray> {
    val n = sentences.size
    val sizes = sentences.map { it.text.split(' ').size.toDouble() }
    val over = lastHeading(sentences, -1)
    val seen = sentences.runningFold(0) { sum, s -> sum + if (s.kind == "heading") 1 else 0 }.drop(1)
    fun column(value: (Int) -> Double) = DoubleArray(n, value)
    return listOf(
        column { it.toDouble() / n },
        column { 1.0 / (1 + it) },
        column { 1.0 / (n - it) },
        column { ln1p(it.toDouble()) / 6 },
        column { ln1p(n.toDouble()) / 6 },
        column { ln(max(sizes[it], 1.0)) / 4 },
        column { min(sizes[it] / 40, 3.0) },
        column { if (sentences[it].kind == "list") 1.0 else 0.0 },
        column { 1.0 / max(it - over[it], 1) },
        column { seen[it].toDouble() / max(seen.last(), 1) },
        column { share(sentences[it].text, ::isFigure) },
        column { share(sentences[it].text, Character::isUpperCase) },
    )
}

private fun wordColumns(sentences: List<Sentence>, lexicon: Lexicon): List<DoubleArray> {
    val all = sentences.indices
    val headings = all.filter { sentences[it].kind == "heading" }
    val quotable = all.filter { sentences[it].quotable }
    val content = lexicon.once.map { words -> words.filter { lexicon.idf(it) > 1 } }
    val over = lastHeading(sentences, -1)
    val length = sqrt(lexicon.total.entries.sumOf { (word, count) -> square(count * lexicon.idf(word)) })
    fun wordsOf(chosen: List<Int>) = chosen.flatMapTo(HashSet()) { lexicon.once[it] }
    fun share(of: List<Collection<String>>, words: Set<String>) =
        DoubleArray(of.size) { i -> mean(of[i]) { if (it in words) 1.0 else 0.0 } }
    return listOf(
        DoubleArray(all.count()) { mean(lexicon.words[it], lexicon::idf) / 6 },
        DoubleArray(all.count()) { mean(lexicon.words[it], lexicon::spread) / 8 },
        DoubleArray(all.count()) { i -> mean(content[i]) { ln1p((lexicon.total[it] ?: 0).toDouble()) } / 3 },
        DoubleArray(all.count()) { centrality(lexicon, lexicon.words[it], length) },
        DoubleArray(all.count()) { i -> mean(lexicon.pairs[i]) { ln(max(lexicon.again[it] ?: 0, 1).toDouble()) } },
        share(lexicon.once, wordsOf(headings)),
        share(content, wordsOf(headings.filter { it < 3 })),
        share(content, wordsOf(quotable.take(5))),
        share(content, wordsOf(quotable.takeLast(8))),
        DoubleArray(all.count()) { i ->
            val heading = if (over[i] < 0) emptySet() else lexicon.once[over[i]]
            mean(content[i]) { if (it in heading) 1.0 else 0.0 }
        },
    )
}

// Cosine of a sentence's tf-idf with the document's, whose length is given.
private fun centrality(lexicon: Lexicon, words: List<String>, length: Double): Double {
    var own = 0.0
    var along = 0.0
    for ((word, count) in words.groupingBy { it }.eachCount()) {
        val weight = count * lexicon.idf(word)
        own += weight * weight
        along += weight * (lexicon.total[word] ?: 0) * lexicon.idf(word)
    }
    return along / max(sqrt(own) * length, 1e-9)
}

private fun neighbourColumns(sentences: List<Sentence>, meanings: List<FloatArray>): List<DoubleArray> {
    val n = sentences.size
    val about = meanOf(sentences, meanings)
    val near = DoubleArray(n) { dot(meanings[it], about) }
    val over = lastHeading(sentences, 0)
    return listOf(
        DoubleArray(n) { near[(it + n - 1) % n] * 4 },
        DoubleArray(n) { near[(it + 1) % n] * 4 },
        DoubleArray(n) { dot(meanings[it], meanings[over[it]]) * 2 },
    )
}

/** The mean of the quotable sentences' vectors; of all, if none is. */
fun meanOf(sentences: List<Sentence>, vectors: List<FloatArray>): FloatArray {
    val quotable = vectors.filterIndexed { i, _ -> sentences[i].quotable }
    val chosen = quotable.ifEmpty { vectors }
    return FloatArray(vectors[0].size) { column -> (chosen.sumOf { it[column].toDouble() } / chosen.size).toFloat() }
}

/** The product of two vectors. */
fun dot(left: FloatArray, right: FloatArray): Double {
    var sum = 0.0
    for (i in left.indices) sum += left[i].toDouble() * right[i]
    return sum
}

// Of each sentence, the last heading up to it, itself included.
private fun lastHeading(sentences: List<Sentence>, none: Int): IntArray {
    var last = none
    return IntArray(sentences.size) { i -> if (sentences[i].kind == "heading") last = i; last }
}

private fun share(text: String, test: (Int) -> Boolean): Double =
    text.codePoints().filter(test).count().toDouble() / max(text.codePointCount(0, text.length), 1)

private fun isFigure(code: Int) =
    Character.isDigit(code) || code == 0xB9 || code == 0xB2 || code == 0xB3 || code in 0x2070..0x2089

private fun <T> mean(items: Collection<T>, value: (T) -> Double) =
    if (items.isEmpty()) 0.0 else items.sumOf(value) / items.size

private fun square(value: Double) = value * value
