import Foundation

#if canImport(NaturalLanguage)
import NaturalLanguage
#endif

/// A unit of the document: `kind` is "prose", "list" or "heading".
public struct Sentence {
    public let text: String
    public let kind: String
    public let quotable: Bool

    public init(text: String, kind: String, quotable: Bool) {
        self.text = text
        self.kind = kind
        self.quotable = quotable
    }
}

private let bullet = expression("^\\s*(?:[-*•]|\\d+[.)])\\s+")
private let ends = expression("[.!?…][\"'”’»)\\]]*$")
private let realWord = expression("\\p{L}{2}")
private let plainly = expression("[^.!?]*[.!?]+[\"'”’»)\\]]*\\s*|[^.!?]+")

/// Plain text to sentences, divided by the platform's own rules.
///
/// Paragraphs stand between blank lines. One short line without a full stop is a heading, one that
/// begins with a bullet or number a list item. (edgehybrid's own reader of plain text knows more:
/// underlined headings, wrapped lists, what is never quoted because it is thanks or a caption.)
public func sentences(of document: String) -> [Sentence] {
    paragraphs(document).flatMap { text -> [Sentence] in
        let isHeading = !text.contains("\n") && text.count <= 80 && !contains(ends, text)
        let kind = contains(bullet, text) ? "list" : isHeading ? "heading" : "prose"
        return (kind == "heading" ? [text] : divide(text)).compactMap { piece in
            let sentence = pieces(piece).joined(separator: " ")
            guard !sentence.isEmpty else { return nil }
            return Sentence(text: sentence, kind: kind, quotable: isQuotable(sentence, kind))
        }
    }
}

private func paragraphs(_ document: String) -> [String] {
    var found: [String] = []
    var open: [Substring] = []
    let lines = document.replacingOccurrences(of: "\r\n", with: "\n")
        .split(separator: "\n", omittingEmptySubsequences: false)
    for line in lines + [Substring()] {
        if !line.allSatisfy({ $0.isWhitespace }) {
            open.append(line)
        } else if !open.isEmpty {
            found.append(open.joined(separator: "\n").trimmingCharacters(in: .whitespacesAndNewlines))
            open = []
        }
    }
    return found
}

private func divide(_ text: String) -> [String] {
    #if canImport(NaturalLanguage)
    let tokenizer = NLTokenizer(unit: .sentence)
    tokenizer.string = text
    return tokenizer.tokens(for: text.startIndex..<text.endIndex).map { String(text[$0]) }
    #else
    return matches(plainly, text)  // on Linux Foundation does not divide sentences: for checks only
    #endif
}

func pieces(_ text: String) -> [String] {
    text.split(whereSeparator: \.isWhitespace).map(String.init)
}

/// Whether a sentence can stand alone, by its form: edgehybrid/documents/quotable.py in short.
func isQuotable(_ text: String, _ kind: String) -> Bool {
    let scalars = text.unicodeScalars
    let letters = Double(scalars.filter { isLetter($0) || $0 == " " }.count)
    let length = Double(scalars.count)
    let parts = pieces(text)
    return kind != "heading"
        && (4...120).contains(countWords(text))
        && !(kind == "prose" && scalars.first!.properties.isLowercase)
        && letters >= 0.62 * length
        && contains(ends, text)
        && (letters >= 0.85 * length
            || Double(parts.filter { contains(realWord, $0) }.count) >= 0.45 * Double(parts.count))
}

/// Pieces between spaces that hold a letter or figure.
func countWords(_ text: String) -> Int {
    pieces(text).filter { $0.unicodeScalars.contains { isLetter($0) || isNumber($0) } }.count
}

func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
    default: return false
    }
}

func isNumber(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: return true
    default: return false
    }
}
