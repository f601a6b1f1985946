// Builds the response from an existing file and the outcome of the request's conditions.

import HTTPTypes
import Reactor
import ServedFiles

/// The response with a file to one request.
struct HTTPFileAnswer {
    /// Whether the request is a HEAD.
    let isHead: Bool
    /// Whether the connection closes after the response.
    let closes: Bool
    let clock: HTTPClock

    /// Returns the response with a cached file.
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

    /// Returns the response with a large file. The file is either part of the reply or closed here.
    ///
    /// - Parameters:
    ///   - condition: the outcome of the request's conditions.
    ///   - file: the open file.
    ///   - facts: the metadata of the file.
    ///   - kernel: the loop's kernel, which closes the file if it is not sent.
    ///   - openFiles: the budget of files that are being sent; 503 if it is used up.
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

    /// Returns the head of a response with the whole file, or with a part of it.
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
