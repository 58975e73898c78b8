package edgehybrid.reader

import java.text.BreakIterator
import java.util.Locale

/** A unit of the document: [kind] is "prose", "list" or "heading". */
data class Sentence(val text: String, val kind: String, val quotable: Boolean)

private val BLANK_LINE = Regex("\\n\\s*\\n")
private val BULLET = Regex("^\\s*(?:[-*•]|\\d+[.)])\\s+")
private val SPACES = Regex("[$SPACE]+")
private val ENDS = Regex("[.!?…][\"'”’»)\\]]*$")
private val REAL_WORD = Regex("\\p{L}{2}")

/**
 * Plain text to sentences, divided by the platform's own rules.
 *
 * Paragraphs stand between blank lines. One short line without a full stop is a heading, one that
 * begins with a bullet or number a list item. (edgehybrid's own reader of plain text knows more:
 * underlined headings, wrapped lists, what is never quoted because it is thanks or a caption.)
 */
fun sentencesOf(document: String): List<Sentence> {
    val found = ArrayList<Sentence>()
    for (paragraph in document.replace("\r\n", "\n").split(BLANK_LINE)) {
        val text = paragraph.trim()
        if (text.isEmpty()) continue
        val isHeading = '\n' !in text && text.length <= 80 && !ENDS.containsMatchIn(text)
        val kind = if (BULLET.containsMatchIn(text)) "list" else if (isHeading) "heading" else "prose"
        val pieces = if (kind == "heading") listOf(text) else divide(text)
        for (piece in pieces) {
            val sentence = piece.replace(SPACES, " ").trim()
            if (sentence.isNotEmpty()) found += Sentence(sentence, kind, isQuotable(sentence, kind))
        }
    }
    return found
}

private fun divide(text: String): List<String> {
    val breaks = BreakIterator.getSentenceInstance(Locale.ENGLISH).apply { setText(text) }
    val pieces = ArrayList<String>()
    var start = breaks.first()
    var end = breaks.next()
    while (end != BreakIterator.DONE) {
        pieces += text.substring(start, end)
        start = end
        end = breaks.next()
    }
    return pieces
}

/** Whether a sentence can stand alone, by its form: edgehybrid/documents/quotable.py in short. */
fun isQuotable(text: String, kind: String): Boolean {
    val pieces = text.split(' ')
    val letters = text.codePoints().filter { Character.isLetter(it) || it == ' '.code }.count()
    val length = text.codePointCount(0, text.length)
    return kind != "heading" &&
        countWords(text) in 4..120 &&
        !(kind == "prose" && text[0].isLowerCase()) &&
        letters >= 0.62 * length &&
        ENDS.containsMatchIn(text) &&
        (letters >= 0.85 * length || pieces.count { REAL_WORD.containsMatchIn(it) } >= 0.45 * pieces.size)
}

/** Pieces between spaces that hold a letter or figure. */
fun countWords(text: String): Int = text.split(' ').count { piece -> piece.any(Char::isLetterOrDigit) }
