//! What an iteration reached for outside its worktree, and whether that covers a change.

use std::path::{Component, Path, PathBuf};

use super::change::{Change, Subject};
use super::evidence::Evidence;

/// Where an iteration works, and what lies around it. Paths without symbolic links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The iteration's worktree.
    pub worktree: PathBuf,
    /// The user's checkout.
    pub checkout: PathBuf,
    /// The git folder of the user's repository.
    pub common_dir: PathBuf,
    /// The worktree is a clone: its branches and settings are its own, and not those that are watched.
    pub is_cloned: bool,
}

/// What was reached for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// A file of the checkout.
    File(String),
    /// Everything below a folder of the checkout; the empty text is all of it.
    Below(String),
    /// The checkout as a whole: its files, its HEAD, and the branch that it is on.
    Checkout,
    /// A branch.
    Branch(String),
    /// A setting: its key in lower case, or the beginning of one that ends with a dot. The empty text is all of them.
    Setting(String),
    /// A hook; the empty text is all of them.
    Hook(String),
}

/// What was reached for, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What.
    pub reach: Reach,
    /// What shows it.
    pub evidence: Evidence,
}

impl Claim {
    /// This claim is about the change. `heads` are the branches that the checkout was on, before and after.
    pub fn covers(&self, change: &Change, heads: &[String]) -> bool {
        match (&self.reach, &change.subject) {
            (Reach::File(file), Subject::File(path)) => file == path,
            (Reach::Below(folder), Subject::File(path)) => is_below(path, folder),
            (Reach::Checkout, Subject::File(_) | Subject::Head(_)) => true,
            (Reach::Checkout, Subject::Branch(branch)) => heads.contains(branch),
            (Reach::Branch(reached), Subject::Branch(branch)) => reached == branch,
            (Reach::Setting(start), Subject::Setting(key)) => {
                start.is_empty() || key == start || start.ends_with('.') && key.starts_with(start.as_str())
            }
            (Reach::Hook(reached), Subject::Hook(name)) => reached.is_empty() || reached == name,
            _ => false,
        }
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Place {
    /// What lies at a path, as far as it is watched; `below` means everything under it, too.
    pub(super) fn reach_of(&self, path: &Path, below: bool) -> Option<Reach> {
        let path = plain(&self.worktree.join(path));
        if path.starts_with(&self.worktree) {
            return None;
        }
        if let Ok(inner) = path.strip_prefix(&self.common_dir) {
            return of_git_folder(inner);
        }
        if let Ok(inner) = path.strip_prefix(&self.checkout) {
            let inner = inner.to_string_lossy().into_owned();
            if below {
                return Some(Reach::Below(inner));
            }
            return (!inner.is_empty()).then_some(Reach::File(inner));
        }
        // Something above the checkout.
        (below && self.checkout.starts_with(&path)).then(|| Reach::Below(String::new()))
    }

    /// The path is the checkout's own folder.
    pub(super) fn is_checkout(&self, path: &Path) -> bool {
        plain(&self.worktree.join(path)) == self.checkout
    }
}

fn of_git_folder(inner: &Path) -> Option<Reach> {
    let text = inner.to_string_lossy();
    let name = |prefix: &str| text.strip_prefix(prefix).map(str::to_owned);
    match text.as_ref() {
        "config" | "config.worktree" => Some(Reach::Setting(String::new())),
        "hooks" => Some(Reach::Hook(String::new())),
        "HEAD" | "index" => Some(Reach::Checkout),
        _ => name("hooks/").map(Reach::Hook).or_else(|| name("refs/heads/").map(Reach::Branch)),
    }
}

/// A path without `.` and `..`, by its words alone.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart_by_where_they_lie() {
        let place = Place {
            worktree: "/h/wt/r/0".into(),
            checkout: "/p".into(),
            common_dir: "/p/.git".into(),
            is_cloned: false,
        };
        let reach = |path: &str, below| place.reach_of(Path::new(path), below);
        let text = |word: &str| word.to_owned();
        assert_eq!(reach("src/a", false), None);
        assert_eq!(reach("/h/wt/r/0/x", true), None);
        assert_eq!(reach("/p/src/../a", false), Some(Reach::File(text("a"))));
        assert_eq!(reach("../../../../p/a", false), Some(Reach::File(text("a"))));
        assert_eq!(reach("/p", false), None);
        assert_eq!(reach("/p", true), Some(Reach::Below(String::new())));
        assert_eq!(reach("/p/src", true), Some(Reach::Below(text("src"))));
        assert_eq!(reach("/", true), Some(Reach::Below(String::new())));
        assert_eq!(reach("/p/.git/config", false), Some(Reach::Setting(String::new())));
        assert_eq!(reach("/p/.git/hooks/pre-commit", false), Some(Reach::Hook(text("pre-commit"))));
        assert_eq!(reach("/p/.git/refs/heads/a/b", false), Some(Reach::Branch(text("a/b"))));
        assert_eq!(reach("/p/.git/packed-refs", false), None);
        assert_eq!(reach("/other", true), None);
    }

    #[test]
    fn a_claim_covers_no_more_than_it_names() {
        let covers = |reach: Reach, subject: Subject| {
            let claim = Claim { reach, evidence: Evidence::OnlyAgents };
            claim.covers(&Change { subject, before: None, after: None }, &["main".to_owned()])
        };
        let text = |word: &str| word.to_owned();
        assert!(covers(Reach::Below(text("src")), Subject::File(text("src/a"))));
        assert!(!covers(Reach::Below(text("src")), Subject::File(text("srcs/a"))));
        assert!(!covers(Reach::File(text("a")), Subject::File(text("b"))));
        assert!(covers(Reach::Checkout, Subject::Branch(text("main"))));
        assert!(!covers(Reach::Checkout, Subject::Branch(text("topic"))));
        assert!(covers(Reach::Setting(text("remote.")), Subject::Setting(text("remote.x.url"))));
        assert!(!covers(Reach::Setting(text("core.bare")), Subject::Setting(text("core.barely"))));
    }
}
