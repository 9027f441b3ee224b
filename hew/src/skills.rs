//! Texts for agents, embedded in the binary.
//!
//! Each begins with a marker of the version that it belongs to, so that a copy installed somewhere can be told from a
//! newer one.

/// How an agent does one task in the loop.
pub const EXECUTE: &str = include_str!("../../skills/core/hew-execute.md");

/// Short facts that every agent is told.
pub const PRIMER: &str = include_str!("../../skills/data/primer.md");

/// What the planner is asked.
pub const PLANNER: &str = include_str!("../../skills/data/planner-prompt.md");

/// What a model is asked about a failure of CI.
pub const TRIAGE: &str = include_str!("../../skills/data/triage-prompt.md");

/// What a model is asked that makes a task of a line.
pub const ELABORATE: &str = include_str!("../../skills/data/elaborate-prompt.md");

/// What a model is asked that chooses who does a task.
pub const CLASSIFIER: &str = include_str!("../../skills/data/classifier-prompt.md");

/// What a model is asked that sums up what an agent did.
pub const SUMMARY: &str = include_str!("../../skills/data/summary-prompt.md");

/// The version in a text's marker, `<!-- hew:version=X -->` on a line of its own.
pub fn version_marker(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.trim().strip_prefix("<!-- hew:version=")?.strip_suffix(" -->"))
}

/// The text without its marker: what an agent reads.
pub fn body(text: &str) -> &str {
    match text.split_once('\n') {
        Some((first, rest)) if version_marker(first).is_some() => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_carries_the_version_of_the_binary_and_its_body_does_not() {
        for text in [EXECUTE, PRIMER, PLANNER, TRIAGE, ELABORATE, CLASSIFIER, SUMMARY] {
            assert_eq!(version_marker(text), Some(env!("CARGO_PKG_VERSION")));
            assert!(body(text).starts_with("# "), "{}", body(text));
        }
        assert_eq!(version_marker("no marker"), None);
        assert_eq!(body("no marker\nmore"), "no marker\nmore");
    }

    #[test]
    fn the_words_that_an_agent_is_told_are_all_there() {
        for word in [
            "hew done --reason",
            "hew blocked --reason",
            "hew fail --reason",
            "DECISION:",
            "DEFERRED:",
            "## Summary",
        ] {
            assert!(EXECUTE.contains(word), "{word}");
        }
    }
}
