// Serializes the responses to one request: those in memory, and those made from an existing file and the outcome of the
// request's conditions.

import HTTPTypes
import Reactor
import ServedFiles

extension HTTPResponse {
    /// Serializes the responses to one request.
    struct Serializer {
        /// Whether the request is a HEAD.
        let isHead: Bool
        /// Whether the connection closes after the response.
        let closes: Bool
        let clock: HTTPClock

        /// Returns the bytes of a response with all of its content in memory.
        func bytes(of response: HTTPResponse) -> [UInt8] {
            response.bytes(date: clock.text, closes: closes, isHead: isHead)
        }

        /// Returns the response with a cached file.
        func serialize(_ condition: HTTPCondition, _ file: CachedFile) -> Serialized {
            guard case .send(let range) = condition else { return .bytes(withoutContent(condition, file.facts)) }
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

        /// Returns the response with a large file. The file is either part of the result or closed here.
        ///
        /// - Parameters:
        ///   - condition: the outcome of the request's conditions.
        ///   - file: the open file.
        ///   - facts: the metadata of the file.
        ///   - kernel: the loop's kernel, which closes the file if it is not sent.
        ///   - openFiles: the budget of files that are being sent; 503 if it is used up.
        func serialize(
            _ condition: HTTPCondition, _ file: consuming ServedFile, _ facts: HTTPFileFacts, _ kernel: any SystemCalls,
            _ openFiles: FileBudget
        ) -> Serialized {
            let bytes: [UInt8]
            switch condition {
            case .send(.whole) where isHead: bytes = head(facts, nil)
            case .send(.whole):
                if let place = openFiles.take() { return .file(head: head(facts, nil), file, 0..<facts.size, place) }
                bytes = self.bytes(of: .tooManyFiles)
            case .send(.part(let part)):
                if let place = openFiles.take() { return .file(head: head(facts, part), file, part, place) }
                bytes = self.bytes(of: .tooManyFiles)
            case .send(.unsatisfiable): bytes = unsatisfiable(facts)
            default: bytes = withoutContent(condition, facts)
            }
            file.descriptor.close(kernel)
            return .bytes(bytes)
        }

        /// Returns the head of a response with the whole file, or with a part of it.
        private func head(_ facts: HTTPFileFacts, _ part: Range<Int>?) -> [UInt8] {
            var fields = facts.fields
            if let part { fields[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(facts.size)" }
            return HTTPResponse.head(
                part == nil ? .ok : .partialContent, fields, length: part?.count ?? facts.size, date: clock.text,
                closes: closes)
        }

        private func unsatisfiable(_ facts: HTTPFileFacts) -> [UInt8] {
            var response = HTTPResponse(.rangeNotSatisfiable)
            response.fields[.contentRange] = "bytes */\(facts.size)"
            return bytes(of: response)
        }

        private func withoutContent(_ condition: HTTPCondition, _ facts: HTTPFileFacts) -> [UInt8] {
            guard condition == .notModified else { return bytes(of: HTTPResponse(.preconditionFailed)) }
            var fields = facts.fields
            (fields[.contentType], fields[.acceptRanges]) = (nil, nil)
            return bytes(of: HTTPResponse(.notModified, fields))
        }
    }
}
