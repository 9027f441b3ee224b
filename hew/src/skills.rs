//! Texts for agents, embedded in the binary.
//!
//! Each has a marker of the version that it belongs to, so that a copy installed somewhere can be told from a newer one.
//! Skills begin with front matter: their name, and when to use them.

pub mod installed;

/// A text that teaches an agent one thing, and can be installed where agents look for such texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skill {
    /// Its name, which is the folder's too where it is installed.
    pub name: &'static str,
    /// All of it: front matter, marker, body.
    pub text: &'static str,
}

/// The skills, in the order in which a reader meets them.
pub const SKILLS: [Skill; 5] = [
    Skill { name: "hew-decompose", text: include_str!("../../skills/core/hew-decompose.md") },
    Skill { name: "hew-plan", text: include_str!("../../skills/core/hew-plan.md") },
    Skill { name: "hew-loop", text: include_str!("../../skills/core/hew-loop.md") },
    Skill { name: "hew-resolve", text: include_str!("../../skills/core/hew-resolve.md") },
    Skill { name: "hew-execute", text: EXECUTE },
];

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

/// What stands in a project's `AGENTS.md`.
pub const AGENTS_SECTION: &str = include_str!("../../skills/data/agents-section.md");

/// How a version's marker begins and ends; it has a line of its own.
const MARKER: (&str, &str) = ("<!-- hew:version=", " -->");

impl Skill {
    /// The skill of this name.
    pub fn named(name: &str) -> Option<Self> {
        SKILLS.into_iter().find(|skill| skill.name == name)
    }

    /// When to use it, on one line.
    ///
    /// # Panics
    /// Never: a test sees to it that every skill has one.
    pub fn description(&self) -> &'static str {
        let mut lines = self.text.lines();
        lines.find_map(|line| line.strip_prefix("description: ")).expect("every skill has a description")
    }
}

/// The version in a text's marker, `<!-- hew:version=X -->` on a line of its own.
pub fn version_marker(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.trim().strip_prefix(MARKER.0)?.strip_suffix(MARKER.1))
}

/// The text after its marker: what an agent reads.
pub fn body(text: &str) -> &str {
    let marked = text.split_once(MARKER.0).and_then(|(_, rest)| rest.split_once('\n'));
    marked.map_or(text, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_carries_the_version_of_the_binary_and_its_body_does_not() {
        for text in SKILLS.iter().map(|skill| skill.text).chain([
            PRIMER,
            PLANNER,
            TRIAGE,
            ELABORATE,
            CLASSIFIER,
            SUMMARY,
            AGENTS_SECTION,
        ]) {
            assert_eq!(version_marker(text), Some(env!("CARGO_PKG_VERSION")), "{text}");
            assert!(body(text).trim_start_matches('#').starts_with(' '), "{}", body(text));
            assert_eq!(version_marker(body(text)), None);
        }
        assert_eq!(version_marker("no marker"), None);
        assert_eq!(body("no marker\nmore"), "no marker\nmore");
    }

    #[test]
    fn every_skill_begins_with_its_name_and_when_to_use_it() {
        for skill in SKILLS {
            let mut lines = skill.text.lines();
            assert_eq!(lines.next(), Some("---"));
            assert_eq!(lines.next(), Some(format!("name: {}", skill.name).as_str()));
            assert_eq!(lines.next(), Some(format!("description: {}", skill.description()).as_str()));
            assert_eq!(lines.next(), Some("---"));
            assert!(lines.next().is_some_and(|line| version_marker(line).is_some()));
            // What the front matter's language would take for something else.
            let description = skill.description();
            let is_plain = !description.contains(": ") && !description.contains(" #");
            assert!(is_plain && description.starts_with("How "), "{description}");
            assert!(description.len() < 400, "{}: every session of an agent is told this", skill.name);
        }
    }

    #[test]
    fn the_section_for_agents_leads_to_every_skill() {
        for skill in SKILLS {
            assert!(AGENTS_SECTION.contains(&format!("`hew skills show {}`", skill.name)), "{}", skill.name);
        }
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
