//! In whose name hew commits: the configured identity, else hew's own.

use hew_core::worktree::GitError;

use super::RepoGit;
use super::run::GitCall;

const NAME: &str = "hew";
const EMAIL: &str = "hew@localhost";

/// Variables that stand in for an identity that is not configured.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity(Vec<(&'static str, &'static str)>);

impl RepoGit {
    /// Gives a call the identity that it needs for commits and reflogs.
    pub(super) fn with_identity(&self, call: GitCall) -> Result<GitCall, GitError> {
        let identity = if let Some(known) = self.identity.get() {
            known
        } else {
            let found = self.find_identity()?;
            self.identity.get_or_init(|| found)
        };
        Ok(identity.0.iter().fold(call, |call, (name, value)| call.env(name, value)))
    }

    fn find_identity(&self) -> Result<Identity, GitError> {
        let mut variables = Vec::new();
        if !self.is_configured("GIT_AUTHOR_IDENT")? {
            variables.extend([("GIT_AUTHOR_NAME", NAME), ("GIT_AUTHOR_EMAIL", EMAIL)]);
        }
        if !self.is_configured("GIT_COMMITTER_IDENT")? {
            variables.extend([("GIT_COMMITTER_NAME", NAME), ("GIT_COMMITTER_EMAIL", EMAIL)]);
        }
        Ok(Identity(variables))
    }

    /// Asks without letting git make a name up from the machine's.
    fn is_configured(&self, variable: &str) -> Result<bool, GitError> {
        let call = self.on_repository().settings(&[("user.useConfigOnly", "true")]);
        Ok(call.args(["var", variable]).run()?.exit.is_success())
    }
}
