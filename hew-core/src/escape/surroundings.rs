//! What agents share with the user, as it stood at one look.

use std::collections::BTreeMap;

/// A file, by what the file system says of it without its content being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMark {
    /// Bytes.
    pub size: u64,
    /// Last change of its content, in nanoseconds since 1970.
    pub modified: i128,
    /// Kind and permissions.
    pub mode: u32,
}

/// A file of the checkout that differs from its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// How it differs, in git's letters, and what is staged.
    pub code: String,
    /// None where it is gone, or where there were too many to look at.
    pub mark: Option<FileMark>,
}

/// The user's checkout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkout {
    /// The branch that it is on; none where HEAD is detached.
    pub branch: Option<String>,
    /// The commit that it is on.
    pub commit: Option<String>,
    /// Files that differ from it, by path, ignored ones left out.
    pub files: BTreeMap<String, FileState>,
}

/// Everything that is watched. What could not be read is none, and is then not compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// The checkout that hew was started in.
    pub checkout: Option<Checkout>,
    /// Local branches with their commits.
    pub branches: Option<BTreeMap<String, String>>,
    /// The repository's own settings of git, each with its values in order.
    pub settings: Option<BTreeMap<String, Vec<String>>>,
    /// Hooks, by name, samples left out.
    pub hooks: Option<BTreeMap<String, FileMark>>,
}
