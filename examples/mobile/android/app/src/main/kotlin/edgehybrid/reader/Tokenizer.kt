package edgehybrid.reader

import java.io.File
import java.text.Normalizer
import org.json.JSONObject

// All white space of Unicode: \s is only that of ASCII on some systems.
internal const val SPACE = "\\t-\\r \\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000"

/**
 * The bundle's byte-level BPE, read from tokenizer.json: NFKC, lower case, each digit by itself,
 * a space before each piece, GPT-2's division into words, then merges in the order of their rank.
 */
class Tokenizer(file: File) {
    private val ids = HashMap<String, Int>()
    private val ranks = HashMap<Pair<String, String>, Int>()
    private val known = HashMap<String, IntArray>() // words that came before

    init {
        val model = JSONObject(file.readText()).getJSONObject("model")
        val vocabulary = model.getJSONObject("vocab")
        for (token in vocabulary.keys()) ids[token] = vocabulary.getInt(token)
        val merges = model.getJSONArray("merges")
        for (rank in 0 until merges.length()) {
            val pair = merges.getJSONArray(rank)
            ranks[Pair(pair.getString(0), pair.getString(1))] = rank
        }
    }

    /** The ids of one sentence, without its end token. */
    fun encode(text: String): IntArray {
        val normal = lowerCase(Normalizer.normalize(text, Normalizer.Form.NFKC))
        return pieces(normal).flatMap { piece ->
            WORDS.findAll(piece).flatMap { encodeWord(it.value).asSequence() }
        }.toList().toIntArray()
    }

    /** The id of an end token, such as "<|prose|>". */
    fun idOf(token: String): Int = ids.getValue(token)

    // Digits stand alone, and every piece begins with a space.
    private fun pieces(text: String): Sequence<String> =
        PIECES.findAll(text).map { if (it.value.startsWith(" ")) it.value else " " + it.value }

    private fun encodeWord(word: String): IntArray = known.getOrPut(word) {
        val parts = word.toByteArray().mapTo(ArrayList()) { BYTES[it.toInt() and 255] }
        while (parts.size > 1) {
            val best = (0 until parts.size - 1).minBy { rankAt(parts, it) }
            if (rankAt(parts, best) == Int.MAX_VALUE) break
            val (left, right) = Pair(parts[best], parts[best + 1])
            var at = 0
            while (at < parts.size - 1) { // this merge, wherever it stands
                if (parts[at] == left && parts[at + 1] == right) parts[at] += parts.removeAt(at + 1)
                at++
            }
        }
        IntArray(parts.size) { ids.getValue(parts[it]) }
    }

    private fun rankAt(parts: List<String>, at: Int) =
        ranks[Pair(parts[at], parts[at + 1])] ?: Int.MAX_VALUE

    private companion object {
        val PIECES = Regex("\\p{N}|\\P{N}+")
        val WORDS = Regex(
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^$SPACE\\p{L}\\p{N}]+" +
                "|[$SPACE]+(?![^$SPACE])|[$SPACE]+",
        )

        // Each byte is written as a printable character: itself, or one from 256 on.
        val BYTES: Array<String> = run {
            val printable = ('!'.code..'~'.code) + (0xA1..0xAC) + (0xAE..0xFF)
            var next = 256
            Array(256) { byte ->
                String(Character.toChars(if (byte in printable) byte else next++))
            }
        }

        // Letter by letter, whatever follows; one letter becomes two.
        fun lowerCase(text: String): String = buildString {
            text.codePoints().forEach {
                if (it == 0x130) append("i\u0307") else appendCodePoint(Character.toLowerCase(it))
            }
        }
    }
}
