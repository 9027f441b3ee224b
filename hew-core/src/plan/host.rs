//! What planning has to know of the machine that hew runs on.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The machine, as far as a plan depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// hew's own environment.
    pub env: BTreeMap<String, String>,
    /// Who hew runs as.
    pub uid: u32,
    /// Programs behind commands that are only wrappers around them, by the command.
    pub wrapped: BTreeMap<String, PathBuf>,
}
