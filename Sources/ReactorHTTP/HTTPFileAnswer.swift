// From a file that is there, and what the request's conditions came to, to the answer.

import HTTPTypes
import Reactor
import ServedFiles

/// What is sent of a file in answer to one request.
struct HTTPFileAnswer {
    /// Whether HEAD asked.
    let isHead: Bool
    /// Whether the connection ends with the answer.
    let closes: Bool
    let clock: HTTPClock

    /// Of a small file.
    func reply(_ condition: HTTPCondition, _ file: CachedFile) -> HTTPReply {
        guard case .send(let range) = condition else { return .bytes(refusal(condition, file.facts)) }
        switch range {
        case .whole:
            let head = head(file.facts, nil)
            return .bytes(isHead ? head : head + file.content)
        case .part(let part):
            let start = file.content.startIndex
            return .bytes(head(file.facts, part) + file.content[start + part.lowerBound..<start + part.upperBound])
        case .unsatisfiable: return .bytes(unsatisfiable(file.facts))
        }
    }

    /// Of a large file, which is sent or closed.
    ///
    /// - Parameter openFiles: has a place for the file while it is being sent.
    func reply(
        _ condition: HTTPCondition, _ file: consuming ServedFile, _ facts: HTTPFileFacts, _ kernel: any SystemCalls,
        _ openFiles: FileBudget
    ) -> HTTPReply {
        let bytes: [UInt8]
        switch condition {
        case .send(.whole) where isHead: bytes = head(facts, nil)
        case .send(.whole):
            if let place = openFiles.take() { return .file(head: head(facts, nil), file, 0..<facts.size, place) }
            bytes = HTTPAnswer.tooManyFiles.bytes(date: clock.text, closes: closes, isHead: isHead)
        case .send(.part(let part)):
            if let place = openFiles.take() { return .file(head: head(facts, part), file, part, place) }
            bytes = HTTPAnswer.tooManyFiles.bytes(date: clock.text, closes: closes, isHead: isHead)
        case .send(.unsatisfiable): bytes = unsatisfiable(facts)
        default: bytes = refusal(condition, facts)
        }
        file.descriptor.close(kernel)
        return .bytes(bytes)
    }

    /// The head of an answer with all of a file, or a part of it.
    private func head(_ facts: HTTPFileFacts, _ part: Range<Int>?) -> [UInt8] {
        var fields = facts.fields
        if let part { fields[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(facts.size)" }
        return HTTPAnswer.head(
            part == nil ? .ok : .partialContent, fields, length: part?.count ?? facts.size, date: clock.text,
            closes: closes)
    }

    private func unsatisfiable(_ facts: HTTPFileFacts) -> [UInt8] {
        var answer = HTTPAnswer(.rangeNotSatisfiable)
        answer.fields[.contentRange] = "bytes */\(facts.size)"
        return answer.bytes(date: clock.text, closes: closes, isHead: isHead)
    }

    private func refusal(_ condition: HTTPCondition, _ facts: HTTPFileFacts) -> [UInt8] {
        var answer = HTTPAnswer(.preconditionFailed)
        if condition == .notModified {
            var fields = facts.fields
            (fields[.contentType], fields[.acceptRanges]) = (nil, nil)
            answer = HTTPAnswer(.notModified, fields)
        }
        return answer.bytes(date: clock.text, closes: closes, isHead: isHead)
    }
}
