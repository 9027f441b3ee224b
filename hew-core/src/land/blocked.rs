//! A delivery that something of a person's keeps from its target: what it is, and what has to be done first.

use std::path::{Path, PathBuf};

use crate::worktree::prune::quoted;
use crate::worktree::{Obstacle, Refusal};

/// Most files that a reason names.
const MOST_NAMED: usize = 5;
/// Most files that a command names.
const MOST_PUT_ASIDE: usize = 20;

/// Why, with all that a person has to know of it.
pub(super) fn reason(refusal: &Refusal, target: &str, checkout: Option<&PathBuf>) -> String {
    let place = checkout.map(|folder| format!(" in {}", folder.display())).unwrap_or_default();
    match &refusal.obstacle {
        Some(Obstacle::Files { changed, untracked }) => {
            let kinds = [
                ("your changes are in the way of the delivery", changed),
                ("untracked or ignored files would be overwritten", untracked),
            ];
            let kinds = kinds.iter().filter(|(_, files)| !files.is_empty());
            let kinds: Vec<String> = kinds.map(|(what, files)| format!("{what}: {}", named(files))).collect();
            format!("{}{place}", kinds.join("; "))
        }
        Some(Obstacle::Lock(lock)) => format!(
            "a lock is in the way of the delivery: {} is a lock of some git; `hew doctor` says whose it may be",
            lock.display()
        ),
        None => format!("{target} could not be forwarded{place}: {}", in_one_line(&refusal.words)),
    }
}

/// What to do first, as a command; none where nothing but another try is known. `here` is where the person works.
pub(super) fn first(refusal: &Refusal, checkout: Option<&PathBuf>, here: &Path) -> Option<String> {
    match refusal.obstacle.as_ref()? {
        Obstacle::Lock(_) => Some("hew doctor".to_owned()),
        Obstacle::Files { changed, untracked } => {
            let elsewhere = checkout.filter(|folder| *folder != here);
            let folder = elsewhere.map(|folder| format!(" -C {}", quoted(folder))).unwrap_or_default();
            Some(format!("git{folder} stash {}", put_aside(changed, untracked)))
        }
    }
}

/// Ignored files are put aside by name only: all of them may be half a build.
fn put_aside(changed: &[String], untracked: &[String]) -> String {
    let files: Vec<&String> = changed.iter().chain(untracked).collect();
    if files.len() > MOST_PUT_ASIDE || !files.iter().all(|file| is_literal(file)) {
        return "-u".to_owned();
    }
    let all = if untracked.is_empty() { "" } else { " --all" };
    // From the checkout's root, whatever folder of it the command is given in.
    let files: Vec<String> = files.iter().map(|file| quoted(Path::new(&format!(":/{file}")))).collect();
    format!("push{all} -- {}", files.join(" "))
}

/// Git and a shell take it for the name that it is.
fn is_literal(file: &str) -> bool {
    let is_special = |c: char| c.is_control() || "*?[\\\u{fffd}".contains(c);
    !file.starts_with(':') && !file.contains(is_special)
}

fn named(files: &[String]) -> String {
    let more = files.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", files[..files.len().min(MOST_NAMED)].join(", "))
}

/// Git's words without their line breaks.
fn in_one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(changed: &[&str], untracked: &[&str]) -> Refusal {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let obstacle = Obstacle::Files { changed: owned(changed), untracked: owned(untracked) };
        Refusal { words: "git's words".to_owned(), obstacle: Some(obstacle) }
    }

    #[test]
    fn what_is_put_aside_is_what_is_in_the_way_and_no_more() {
        let many: Vec<String> = (0..30).map(|number| format!("{number}.txt")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let cases = [
            (files(&["a.txt"], &[]), "git stash push -- :/a.txt"),
            (files(&["a b"], &[".env"]), "git stash push --all -- ':/a b' :/.env"),
            (files(&["-a"], &["it's"]), r"git stash push --all -- :/-a ':/it'\''s'"),
            (files(&[], &["*"]), "git stash -u"),
            (files(&[":x"], &[]), "git stash -u"),
            (files(&many, &[]), "git stash -u"),
        ];
        let here = PathBuf::from("/p");
        for (refusal, expected) in cases {
            assert_eq!(first(&refusal, Some(&here), &here).as_deref(), Some(expected));
        }
        let elsewhere = first(&files(&["a"], &[]), Some(&PathBuf::from("/o p")), &here);
        assert_eq!(elsewhere.as_deref(), Some("git -C '/o p' stash push -- :/a"));
    }

    #[test]
    fn files_come_first_and_are_not_told_without_end() {
        let told = reason(&files(&["1", "2", "3", "4", "5", "6", "7"], &["new"]), "main", None);
        let expected = "your changes are in the way of the delivery: 1, 2, 3, 4, 5 and 2 more; \
            untracked or ignored files would be overwritten: new";
        assert_eq!(told, expected);
        let plain = Refusal { words: "no\n way".to_owned(), obstacle: None };
        let told = reason(&plain, "main", Some(&PathBuf::from("/p")));
        assert_eq!(told, "main could not be forwarded in /p: no way");
        assert_eq!(first(&plain, None, Path::new("/p")), None);
    }
}
