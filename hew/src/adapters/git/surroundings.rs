//! What agents share with the user, looked at without a lock and without reading a file's content.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hew_core::escape::{Checkout, FileMark, FileState};
use hew_core::worktree::GitError;

use super::RepoGit;
use super::run::GitAnswer;

/// Most files of which the file system is asked; of more, only git's letters count.
const MAX_MARKS: usize = 10_000;

/// Settings of one file, each with its values in order.
pub(crate) type FileSettings = BTreeMap<String, Vec<String>>;

impl RepoGit {
    /// How a person's checkout stands. Folders in `leave_out` (relative) don't count.
    pub(crate) fn look_at_checkout(
        &self,
        checkout: &Path,
        leave_out: &[PathBuf],
    ) -> Result<Checkout, GitError> {
        let answer = self
            .call_in(checkout)
            .env("GIT_CEILING_DIRECTORIES", checkout.parent().unwrap_or(checkout))
            .settings(&super::OWN_SETTINGS)
            .args(["--no-optional-locks", "status", "--porcelain=v2", "-z", "--branch"])
            .args(["--untracked-files=all", "--no-renames", "--ignore-submodules=dirty"])
            .run()?
            .success()?;
        read_status(&answer.stdout, checkout, leave_out).ok_or_else(|| answer.unreadable())
    }

    /// Local branches with their commits.
    pub(crate) fn branches(&self) -> Result<BTreeMap<String, String>, GitError> {
        let refs = super::refs::refs_under(self, "refs/heads/")?;
        let short = |name: &str| name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
        Ok(refs.into_iter().map(|(name, at)| (short(name.as_str()), at.as_str().to_owned())).collect())
    }

    /// What a file of settings holds, without those that it includes. None: there is no such file.
    pub(crate) fn settings_in(&self, file: &Path) -> Result<FileSettings, GitError> {
        let answer = self.config(file).args(["-z", "--list"]).run()?.success()?;
        Ok(read_settings(&answer))
    }

    /// Gives a key these values in a file, and no others.
    pub(crate) fn put_setting(&self, file: &Path, key: &str, values: &[String]) -> Result<(), GitError> {
        // Exit code 5: it has none.
        self.config(file).args(["--unset-all", key]).run()?;
        for value in values {
            self.config(file).args(["--add", key]).arg(value).run()?.success()?;
        }
        Ok(())
    }

    fn config(&self, file: &Path) -> super::GitCall {
        self.on_repository().args(["config", "--file"]).arg(file)
    }
}

fn read_settings(answer: &GitAnswer) -> FileSettings {
    let mut settings = FileSettings::new();
    for entry in answer.stdout.split(|&byte| byte == 0).filter(|entry| !entry.is_empty()) {
        let entry = String::from_utf8_lossy(entry);
        // A key without a value is on.
        let (key, value) = entry.split_once('\n').unwrap_or((&entry, "true"));
        settings.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    settings
}

/// What the file system says of a file; none where it is gone.
pub(crate) fn mark_of(path: &Path) -> Option<FileMark> {
    let found = fs::symlink_metadata(path).ok()?;
    let modified = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
    Some(FileMark { size: found.len(), modified, mode: found.mode() })
}

/// None for an answer of unknown form.
fn read_status(output: &[u8], checkout: &Path, leave_out: &[PathBuf]) -> Option<Checkout> {
    let mut look = Checkout::default();
    for entry in output.split(|&byte| byte == 0).filter(|entry| !entry.is_empty()) {
        let text = String::from_utf8_lossy(entry);
        if let Some(header) = text.strip_prefix("# ") {
            let value = |name: &str| header.strip_prefix(name).filter(|value| !value.starts_with('('));
            look.commit = value("branch.oid ").map(str::to_owned).or(look.commit);
            look.branch = value("branch.head ").map(str::to_owned).or(look.branch);
            continue;
        }
        let (code, path) = match text.chars().next()? {
            '1' => {
                let fields: Vec<&str> = text.splitn(9, ' ').collect();
                (format!("{} {}", fields.get(1)?, fields.get(7)?), (*fields.get(8)?).to_owned())
            }
            'u' => {
                let fields: Vec<&str> = text.splitn(11, ' ').collect();
                ((*fields.get(1)?).to_owned(), (*fields.get(10)?).to_owned())
            }
            '?' => ("?".to_owned(), text.get(2..)?.to_owned()),
            _ => return None,
        };
        if leave_out.iter().any(|folder| Path::new(&path).starts_with(folder)) {
            continue;
        }
        let mark = (look.files.len() < MAX_MARKS).then(|| mark_of(&checkout.join(&path))).flatten();
        look.files.insert(path, FileState { code, mark });
    }
    Some(look)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_is_read_with_what_is_staged_and_folders_are_left_out() {
        let output = b"# branch.oid 1234\0# branch.head topic\0\
            1 .M N... 100644 100644 100644 aa bb a b\0\
            u UU N... 100644 100644 100644 100644 aa bb cc both\0\
            ? new\0? .beads/issues.jsonl\0";
        let look = read_status(output, Path::new("/nowhere"), &[PathBuf::from(".beads")]).unwrap();
        assert_eq!((look.branch.as_deref(), look.commit.as_deref()), (Some("topic"), Some("1234")));
        let files: Vec<_> =
            look.files.iter().map(|(path, state)| (path.as_str(), state.code.as_str())).collect();
        assert_eq!(files, [("a b", ".M bb"), ("both", "UU"), ("new", "?")]);
        let detached =
            read_status(b"# branch.oid 12\0# branch.head (detached)\0", Path::new("/"), &[]).unwrap();
        assert_eq!((detached.branch, detached.commit.as_deref()), (None, Some("12")));
        assert_eq!(read_status(b"9 what\0", Path::new("/"), &[]), None);
    }
}
