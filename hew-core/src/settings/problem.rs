//! What is wrong with settings, each naming the place where it stands.

use super::Origin;
use super::kind::BadValue;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsProblem {
    /// A file that is not TOML.
    #[error("{}: not valid TOML: {reason}", place(at))]
    Syntax {
        /// Where.
        at: Origin,
        /// What the parser says.
        reason: String,
    },
    /// A key that does not exist.
    #[error("{}: unknown key {key}{}", place(at), did_you_mean(suggestion.as_deref()))]
    UnknownKey {
        /// Where.
        at: Origin,
        /// The key.
        key: String,
        /// The key that was most likely meant.
        suggestion: Option<String>,
    },
    /// A value that its key can't hold.
    #[error("{}: {key}: {bad}", place(at))]
    BadValue {
        /// Where.
        at: Origin,
        /// The key.
        key: String,
        /// What is wrong with it.
        bad: BadValue,
    },
    /// A value where only keys can be.
    #[error("{}: {key} is a section of keys and holds no value", place(at))]
    Section {
        /// Where.
        at: Origin,
        /// The section.
        key: String,
    },
    /// A definition that lacks a key.
    #[error("{}: the definition lacks {key}", place(at))]
    Lacking {
        /// Where the definition stands.
        at: Origin,
        /// The key that has to be set.
        key: String,
    },
}

impl SettingsProblem {
    /// Where it stands.
    pub fn at(&self) -> &Origin {
        match self {
            Self::Syntax { at, .. }
            | Self::UnknownKey { at, .. }
            | Self::BadValue { at, .. }
            | Self::Section { at, .. }
            | Self::Lacking { at, .. } => at,
        }
    }

    /// Its line, from 1; 0 where it stands in no file.
    pub(super) fn line(&self) -> usize {
        if let Origin::File { line, .. } = self.at() { *line } else { 0 }
    }
}

/// A place as editors and compilers write it.
fn place(at: &Origin) -> String {
    match at {
        Origin::File { path, line, .. } => format!("{}:{line}", path.display()),
        other => other.to_string(),
    }
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|key| format!("; did you mean {key}?")).unwrap_or_default()
}
