package edgehybrid.reader

import java.io.File
import org.json.JSONArray
import org.json.JSONObject

/** Prints all that lies between a text and its summary, for check_kotlin.py to compare. */
fun main(arguments: Array<String>) {
    val (bundle, text, points) = arguments
    Reader(File(bundle)).use { reader ->
        val sentences = sentencesOf(File(text).readText())
        val tokens = reader.tokensOf(sentences)
        val vectors = reader.read(tokens)
        val lexicon = Lexicon(sentences)
        val meanings = reader.meanings(vectors)
        val known = features(sentences, lexicon, meanings)
        val scores = reader.score(sentences, vectors, known)
        val told = JSONObject()
            .put("texts", JSONArray(sentences.map { it.text }))
            .put("kinds", JSONArray(sentences.map { it.kind }))
            .put("quotable", JSONArray(sentences.map { it.quotable }))
            .put("tokens", JSONArray(tokens.asList()))
            .put("features", JSONArray(known.map { row -> JSONArray(row.map(Float::toDouble)) }))
            .put("scores", JSONArray(scores.map(Float::toDouble)))
            .put("chosen", JSONArray(choose(sentences, lexicon, meanings, scores, points.toInt())))
        println(told)
    }
}
