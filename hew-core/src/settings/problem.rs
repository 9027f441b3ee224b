//! What is wrong with settings, each naming the place where it stands.

use std::fmt;
use std::path::PathBuf;

use super::Origin;
use super::kind::BadValue;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsProblem {
    /// A file that is not TOML.
    Syntax {
        /// Where.
        at: Origin,
        /// What the parser says.
        reason: String,
    },
    /// A key that does not exist.
    UnknownKey {
        /// Where.
        at: Origin,
        /// The key.
        key: String,
        /// The key that was most likely meant.
        suggestion: Option<String>,
    },
    /// A value that its key can't hold.
    BadValue {
        /// Where.
        at: Origin,
        /// The key.
        key: String,
        /// What is wrong with it.
        bad: BadValue,
    },
    /// A value where only keys can be.
    Section {
        /// Where.
        at: Origin,
        /// The section.
        key: String,
    },
    /// An entry under two names that mean the same.
    Twice {
        /// Where the second one stands.
        at: Origin,
        /// The entry.
        key: String,
    },
    /// A project with two settings files.
    TwoFiles {
        /// The second one.
        at: Origin,
        /// The first one.
        other: PathBuf,
    },
    /// A runtime that nobody defined.
    UndefinedRuntime {
        /// Where it is named.
        at: Origin,
        /// The key that names it.
        key: String,
        /// Its name.
        name: String,
        /// The runtime that was most likely meant.
        suggestion: Option<String>,
    },
    /// Something that needs another key.
    Lacking {
        /// Where it stands.
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
            | Self::Twice { at, .. }
            | Self::TwoFiles { at, .. }
            | Self::UndefinedRuntime { at, .. }
            | Self::Lacking { at, .. } => at,
        }
    }

    /// The key that it is about; none for files as a whole.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Syntax { .. } | Self::TwoFiles { .. } => None,
            Self::UnknownKey { key, .. }
            | Self::BadValue { key, .. }
            | Self::Section { key, .. }
            | Self::Twice { key, .. }
            | Self::UndefinedRuntime { key, .. }
            | Self::Lacking { key, .. } => Some(key),
        }
    }

    /// What is wrong, without the place.
    pub fn what(&self) -> String {
        match self {
            Self::Syntax { reason, .. } => format!("not valid TOML: {reason}"),
            Self::UnknownKey { key, suggestion: None, .. } => format!("unknown key {key}"),
            Self::UnknownKey { key, suggestion: Some(meant), .. } => {
                format!("unknown key {key}; did you mean {meant}?")
            }
            Self::BadValue { key, bad, .. } => format!("{key}: {bad}"),
            Self::Section { key, .. } => format!("{key} is a section of keys and holds no value"),
            Self::Twice { key, .. } => format!("{key} is there twice"),
            Self::TwoFiles { other, .. } => {
                format!("{} is there too; a project has one settings file", other.display())
            }
            Self::UndefinedRuntime { key, name, suggestion, .. } => {
                let help = match suggestion {
                    Some(meant) => format!("did you mean {meant}?"),
                    None => format!("set loop.runtime_defs.{name}.command"),
                };
                format!("{key}: runtime `{name}` is not defined; {help}")
            }
            Self::Lacking { key, .. } => format!("{key} has to be set too"),
        }
    }

    /// Its line, from 1; 0 where it stands in no file.
    pub(super) fn line(&self) -> usize {
        if let Origin::File { line, .. } = self.at() { *line } else { 0 }
    }
}

/// A place as editors and compilers write it.
pub fn place(at: &Origin) -> String {
    match at {
        Origin::File { path, line, .. } => format!("{}:{line}", path.display()),
        other => other.to_string(),
    }
}

impl std::error::Error for SettingsProblem {}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", place(self.at()), self.what())
    }
}
