package edgehybrid.reader

import kotlin.math.exp
import kotlin.math.sqrt

private const val COVERAGE = 2.0
private const val SAME_MEANING = 0.92
private const val SAME_WORDS = 0.8
private const val STEM = 6
private const val LEAST_WORDS = 12

/**
 * The sentences of a document that say most of it, as indices in its order.
 *
 * As edgehybrid/tasks/select.py chooses a number of points: what is worth most and covers most word
 * pairs that no chosen sentence holds, for the root of its words. What is left out here: sentences
 * that lean on the one before are not held back, and no length in words can be asked for.
 */
fun choose(
    sentences: List<Sentence>,
    lexicon: Lexicon,
    meanings: List<FloatArray>,
    scores: FloatArray,
    points: Int,
): List<Int> {
    val places = sentences.indices.filter { sentences[it].quotable }
    if (places.isEmpty()) return emptyList()
    val best = places.maxOf { scores[it] }
    val worth = places.associateWith { exp((scores[it] - best).toDouble()) }
    val weights = HashMap<Pair<String, String>, Double>()
    for (i in places) for (pair in lexicon.pairs[i]) weights.merge(pair, worth.getValue(i), Double::plus)
    fun covered(i: Int) = lexicon.pairs[i].sumOf { weights.getValue(it) }
    val most = places.maxOf(::covered).coerceAtLeast(1e-12)
    val stems = places.associateWith { i -> lexicon.words[i].mapTo(HashSet()) { it.take(STEM) } }
    fun repeats(i: Int, other: Int): Boolean {
        val (a, b) = Pair(stems.getValue(i), stems.getValue(other))
        return a.count { it in b } >= SAME_WORDS * minOf(a.size, b.size) ||
            dot(meanings[i], meanings[other]) >= SAME_MEANING
    }
    val chosen = ArrayList<Int>()
    val left = places.toMutableList()
    while (left.isNotEmpty() && chosen.size < points) {
        val next = left.maxBy { i ->
            (worth.getValue(i) + COVERAGE / most * covered(i)) / sqrt(countWords(sentences[i].text).coerceAtLeast(LEAST_WORDS).toDouble())
        }
        left.remove(next)
        if (chosen.any { repeats(next, it) }) continue
        chosen += next
        for (pair in lexicon.pairs[next]) weights[pair] = 0.0
    }
    return chosen.sorted()
}

/** Everything at once: the best sentences of a plain text. */
fun summarize(document: String, reader: Reader, points: Int): List<String> {
    val sentences = sentencesOf(document)
    if (sentences.isEmpty()) return emptyList()
    val vectors = reader.read(reader.tokensOf(sentences))
    val lexicon = Lexicon(sentences)
    val meanings = reader.meanings(vectors)
    val scores = reader.score(sentences, vectors, features(sentences, lexicon, meanings))
    return choose(sentences, lexicon, meanings, scores, points).map { sentences[it].text }
}
