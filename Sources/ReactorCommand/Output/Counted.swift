// Numbers with their nouns.

/// Returns a number with a noun in the singular or the plural: `1 connection`, `2 connections`.
func counted(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
