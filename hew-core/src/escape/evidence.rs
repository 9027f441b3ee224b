//! What shows who made a change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::Change;

/// Most characters of a command in the record.
const MAX_WORDS: usize = 300;

/// What stands for the rest of a command.
const CUT: char = '…';

/// Fewest bytes by which a value that was cut is known.
const MIN_SHOWN: usize = 16;

/// Most changes that a reason names.
const MAX_IN_REASON: usize = 3;

/// What shows that an iteration made a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Evidence {
    /// A git command that git's own events tell of.
    Git {
        /// The command, one line.
        command: String,
        /// The working tree in which it ran.
        #[serde(default)]
        folder: String,
    },
    /// A tool call of the agent that names the place.
    ToolCall {
        /// The tool.
        tool: String,
        /// What it was used on, one line.
        detail: String,
    },
    /// Nobody but agents has to do with it.
    OnlyAgents,
}

/// A change with the evidence that an agent made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Escape {
    /// What changed.
    #[serde(flatten)]
    pub change: Change,
    /// What shows who did it; at least one.
    pub evidence: Vec<Evidence>,
    /// hew put it back. Otherwise it is as the agent left it.
    #[serde(default)]
    pub put_back: bool,
}

impl Evidence {
    /// A git command.
    pub fn git(argv: &[String], folder: &str) -> Self {
        Self::Git { command: cut(&argv.join(" ")), folder: folder.to_owned() }
    }

    /// A tool call.
    pub fn tool(tool: &str, detail: &str) -> Self {
        Self::ToolCall { tool: cut(tool), detail: cut(detail) }
    }

    /// It shows that somebody gave a setting this value.
    pub fn gives(&self, value: &str) -> bool {
        let Some(text) = self.text() else { return false };
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '=' | ';');
        let is_whole = text.match_indices(&value).any(|(at, found)| {
            text[..at].chars().next_back().is_none_or(ends)
                && text[at + found.len()..].chars().next().is_none_or(ends)
        });
        is_whole || is_cut_within(text, &value)
    }

    /// It shows that somebody took a setting away.
    pub fn takes_away(&self) -> bool {
        const WORDS: [&str; 6] =
            ["unset", "--unset", "--unset-all", "remove-section", "--remove-section", "--rename-section"];
        self.text().is_some_and(|text| text.split_whitespace().any(|word| WORDS.contains(&word)))
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Git { command, .. } => Some(command),
            Self::ToolCall { detail, .. } => Some(detail),
            Self::OnlyAgents => None,
        }
    }

    /// For people.
    pub fn words(&self) -> String {
        match self {
            Self::Git { command, folder } => format!("`{command}` in {folder}"),
            Self::ToolCall { tool, detail } => format!("{tool}: {detail}"),
            Self::OnlyAgents => "only agents have to do with it".to_owned(),
        }
    }
}

impl Escape {
    /// For people, in one sentence.
    pub fn words(&self) -> String {
        let shown = self.evidence.first().map(|seen| format!(" ({})", seen.words())).unwrap_or_default();
        let back = if self.put_back { "; it was put back" } else { "" };
        format!("{}{shown}{back}", self.change.words())
    }
}

/// The values of a setting that were given since are all shown by evidence; where none was, that one was taken away.
pub fn shows_values(evidence: &[&Evidence], before: &[String], present: &[String]) -> bool {
    let mut known = before.to_vec();
    let is_new = |value: &&String| match known.iter().position(|known| known == *value) {
        Some(at) => {
            known.remove(at);
            false
        }
        None => true,
    };
    let new: Vec<&String> = present.iter().filter(is_new).collect();
    if new.is_empty() {
        return evidence.iter().any(|seen| seen.takes_away());
    }
    new.iter().all(|value| evidence.iter().any(|seen| seen.gives(value)))
}

/// The words were cut where they tell of this value.
fn is_cut_within(text: &str, value: &str) -> bool {
    let Some(text) = text.strip_suffix(CUT) else { return false };
    let starts = text.char_indices().map(|(at, _)| at);
    starts.filter(|at| text.len() - at >= MIN_SHOWN).any(|at| value.starts_with(&text[at..]))
}

/// Why the work of whoever did this is not landed, for people.
pub fn why_failed(escapes: &[Escape]) -> String {
    let named: Vec<String> = escapes.iter().take(MAX_IN_REASON).map(Escape::words).collect();
    let more = escapes.len() - named.len();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("it changed what is not its own: {}{more}", named.join("; "))
}

fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_WORDS) {
        Some((end, _)) => format!("{}{CUT}", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(line: &str) -> Evidence {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Evidence::git(&argv, "/w/0")
    }

    fn shows(evidence: &[Evidence], before: &[&str], present: &[&str]) -> bool {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        shows_values(&evidence.iter().collect::<Vec<_>>(), &owned(before), &owned(present))
    }

    #[test]
    fn a_value_that_somebody_else_gave_is_not_shown() {
        let set = [git("git config core.hooksPath /tmp/evil")];
        assert!(shows(&set, &[], &["/tmp/evil"]));
        assert!(shows(&set, &["hooks"], &["/tmp/evil"]));
        assert!(!shows(&set, &[], &[".husky"]));
        assert!(!shows(&set, &[], &["evil"]));
        assert!(!shows(&set, &["hooks"], &[]), "it gave a value and took none away");
        assert!(!shows(&set, &[], &["/tmp/evil", ".husky"]));
        let written = [Evidence::tool("Bash", "echo 'hooksPath=/tmp/evil' >> /p/.git/config")];
        assert!(shows(&written, &[], &["/tmp/evil"]));
        assert!(!shows(&[Evidence::OnlyAgents], &[], &["x"]));
    }

    #[test]
    fn a_setting_that_was_taken_away_is_shown_by_that_alone() {
        let unset = [git("git config --unset-all core.hooksPath")];
        assert!(shows(&unset, &["hooks"], &[]));
        assert!(shows(&unset, &["a", "a"], &["a"]));
        assert!(!shows(&unset, &["hooks"], &["mine"]));
    }

    #[test]
    fn a_value_that_is_too_long_to_be_told_whole_is_known_by_what_is() {
        let long = "x".repeat(2 * MAX_WORDS);
        let set = [git(&format!("git config alias.st {long}"))];
        assert!(shows(&set, &[], &[&long]));
        assert!(!shows(&set, &[], &["mine"]));
    }
}
