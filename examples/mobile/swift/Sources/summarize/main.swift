import Foundation
import Reader

// swift run summarize FOLDER_OF_THE_BUNDLE TEXT_FILE [POINTS]
let arguments = CommandLine.arguments
guard arguments.count >= 3 else {
    FileHandle.standardError.write(Data("usage: summarize BUNDLE TEXT [POINTS]\n".utf8))
    exit(2)
}
do {
    let reader = try Reader(URL(fileURLWithPath: arguments[1]))
    let text = try String(contentsOfFile: arguments[2], encoding: .utf8)
    let points = arguments.count > 3 ? Int(arguments[3]) ?? 8 : 8
    for sentence in try reader.summarize(text, points: points) { print(sentence) }
} catch {
    FileHandle.standardError.write(Data("summarize: \(error)\n".utf8))
    exit(2)
}
