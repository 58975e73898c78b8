import Foundation
import ReaderText

// check TOKENIZER TEXT POINTS: a conversation in lines of JSON with check_swift.py, which has the
// vectors and the scores.
struct Answer: Codable {
    let numbers: [[Float]]
}

func tell(_ value: [String: Any]) throws {
    let data = try JSONSerialization.data(withJSONObject: value)
    FileHandle.standardOutput.write(data + Data("\n".utf8))
}

func hear() throws -> [[Float]] {
    try JSONDecoder().decode(Answer.self, from: Data(readLine()!.utf8)).numbers
}

let arguments = CommandLine.arguments
let tokenizer = try Tokenizer(URL(fileURLWithPath: arguments[1]))
let document = sentences(of: try String(contentsOfFile: arguments[2], encoding: .utf8))
try tell([
    "texts": document.map(\.text),
    "kinds": document.map(\.kind),
    "quotable": document.map(\.quotable),
    "tokens": document.map { tokenizer.encode($0.text).map(Int.init) },
])
let meanings = try hear()
let lexicon = Lexicon(document)
try tell(["features": features(document, lexicon, meanings).map { $0.map(Double.init) }])
let scores = try hear()[0]
try tell(["chosen": choose(document, lexicon, meanings, scores, points: Int(arguments[3])!)])
