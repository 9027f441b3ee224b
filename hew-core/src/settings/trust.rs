//! Which values of a project's settings file need the person's trust: those that run commands or widen what agents may
//! do. Who clones a project, or lets an agent work in it, has not thereby agreed to run what its settings say.
//!
//! Does not know where trust is kept, nor how it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::keys::KeySpec;
use super::lookup::{Found, find};
use super::values::Values;
use super::{Origin, Sourced, Value};

/// The values of one settings file that need trust: key and text, without comments, order or place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedContent(pub BTreeMap<String, String>);

/// One value that is not as it was trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustChange {
    /// The key or entry.
    pub key: String,
    /// As it was trusted; none: it was not there.
    pub old: Option<String>,
    /// As it is; none: it is gone.
    pub new: Option<String>,
    /// Where it stands.
    pub at: Option<Origin>,
}

/// A file name for the record of a path: no path of another project can have it.
pub fn record_name(path: &[u8]) -> String {
    hexadecimal(&Sha256::digest(path)[..16])
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn needs_trust(key: &str) -> bool {
    matches!(
        find(key),
        Found::Key(KeySpec { runs_commands: true, .. })
            | Found::Entry(KeySpec { runs_commands: true, .. }, ..)
    )
}

impl TrustedContent {
    /// What of a file's values needs trust.
    pub fn of(file: &Values) -> Self {
        let wanted = file.iter().filter(|(key, _)| needs_trust(key));
        Self(wanted.map(|(key, found)| (key.to_owned(), found.value.to_string())).collect())
    }

    /// SHA-256 over keys and values, in hexadecimal digits.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for text in self.0.iter().flat_map(|(key, value)| [key, value]) {
            // With its length in front no text can run into the next.
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hexadecimal(&hash.finalize())
    }

    /// What is different in a file's values from what was trusted, by key.
    pub fn changes_to(&self, file: &Values) -> Vec<TrustChange> {
        let new = Self::of(file);
        let keys: BTreeSet<&String> = self.0.keys().chain(new.0.keys()).collect();
        let change = |key: &String| TrustChange {
            key: key.clone(),
            old: self.0.get(key).cloned(),
            new: new.0.get(key).cloned(),
            at: file.value(key).map(|Sourced { origin, .. }: Sourced<Value>| origin),
        };
        keys.into_iter().map(change).filter(|change| change.old != change.new).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::keys::KEYS;
    use crate::settings::layers::read_file;

    fn values(text: &str) -> Values {
        read_file(text, "project", Path::new("/p/.hew.toml")).values
    }

    #[test]
    fn only_content_counts() {
        let one = "loop.jobs = 2\nloop.gate.command = 'make'\nloop.runtime_defs.x.env = { A = '1', B = '2' }";
        let same =
            "# why\n[loop.runtime_defs.x.env]\nB = \"2\"\nA = \"1\"\n[loop.gate]\ncommand = \"make\" # all";
        let hash = |text| TrustedContent::of(&values(text)).hash();
        assert_eq!(hash(one), hash(same));
        for other in [
            "loop.gate.command = 'make'",
            "loop.gate.command = 'make '\nloop.runtime_defs.x.env = { A = '1', B = '2' }",
            "loop.gate.command = 'make'\nloop.runtime_defs.x.env = { A = '1', B = '3' }",
            "loop.gate.command = 'make'\nloop.runtime_defs.y.env = { A = '1', B = '2' }",
        ] {
            assert_ne!(hash(one), hash(other), "{other}");
        }
        assert_eq!(
            TrustedContent::of(&values("loop.jobs = 2\nloop.runtime = 'x'")),
            TrustedContent::default()
        );
    }

    #[test]
    fn changes_name_both_values_and_the_place() {
        let old = TrustedContent::of(&values("loop.gate.command = 'a'\nloop.worktree.setup = 's'"));
        let changes = old.changes_to(&values("\nloop.gate.command = 'b'\ntracker.command = 't'"));
        let told: Vec<_> = changes
            .iter()
            .map(|c| {
                (c.key.as_str(), c.old.as_deref(), c.new.as_deref(), c.at.as_ref().map(ToString::to_string))
            })
            .collect();
        let at = |line| Some(format!("project /p/.hew.toml:{line}"));
        assert_eq!(
            told,
            [
                ("loop.gate.command", Some("a"), Some("b"), at(2)),
                ("loop.worktree.setup", Some("s"), None, None),
                ("tracker.command", None, Some("t"), at(3)),
            ]
        );
    }

    #[test]
    fn whatever_starts_programs_or_widens_rights_needs_trust() {
        let marked: Vec<&str> = KEYS.iter().filter(|spec| spec.runs_commands).map(|spec| spec.name).collect();
        for (part, least) in [("command", 3), (".env.", 2), ("allow_", 2), ("setup", 1), ("runtime_defs", 7)]
        {
            assert!(marked.iter().filter(|name| name.contains(part)).count() >= least, "{part}: {marked:?}");
        }
        let all_of_runtimes = KEYS.iter().filter(|spec| spec.name.starts_with("loop.runtime_defs."));
        assert!(all_of_runtimes.into_iter().all(|spec| spec.runs_commands));
    }
}
