//! What differs between two looks.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::keys;
use super::surroundings::{Checkout, Surroundings};
use crate::settings::secret::SecretValues;

/// What can be changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "subject", content = "name", rename_all = "snake_case")]
pub enum Subject {
    /// A file of the user's checkout: its path there.
    File(String),
    /// The branch or commit that the user's checkout is on: its folder.
    Head(String),
    /// A branch: its name.
    Branch(String),
    /// A setting in the repository's own settings of git: its key.
    Setting(String),
    /// A hook of the repository's: its name.
    Hook(String),
}

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// What.
    #[serde(flatten)]
    pub subject: Subject,
    /// How it was: a commit, a branch, a value. Values are told only of settings that run code; others may be secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// How it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Change {
    /// Without these secrets in the name or the values of a setting; nothing else that changes is text of anybody's.
    pub fn leave_out(&mut self, secrets: &SecretValues) {
        let Subject::Setting(key) = &mut self.subject else { return };
        for text in [Some(key), self.before.as_mut(), self.after.as_mut()].into_iter().flatten() {
            *text = secrets.left_out_of(text).into_owned();
        }
    }

    /// For people: what changed, as the beginning of a sentence.
    pub fn words(&self) -> String {
        let from = self.before.as_deref().map(short);
        let to = self.after.as_deref().map(short);
        let moved = |what: String| match (from, to) {
            (Some(from), Some(to)) => format!("{what} went from {from} to {to}"),
            (Some(from), None) => format!("{what} is gone (it was {from})"),
            (None, Some(to)) => format!("{what} is {to} now"),
            (None, None) => format!("{what} changed"),
        };
        match &self.subject {
            Subject::File(path) => format!("{path} changed in your checkout"),
            Subject::Head(folder) => moved(format!("HEAD of {folder}")),
            Subject::Branch(branch) => moved(format!("branch {branch}")),
            Subject::Setting(key) => moved(format!("git's setting {key}")),
            Subject::Hook(name) => format!("hook {name} changed"),
        }
    }

    /// The command with which a person looks at what is left of it.
    pub fn look(&self) -> String {
        match (&self.subject, &self.before, &self.after) {
            (Subject::File(path), ..) => format!("git status -- {}", quoted(path)),
            (Subject::Head(folder), ..) => format!("git -C {} status", quoted(folder)),
            (Subject::Branch(branch), Some(before), None) => {
                format!("git branch {} {before}", quoted(branch))
            }
            (Subject::Branch(_), Some(before), Some(after)) => format!("git log -p {before}...{after}"),
            (Subject::Branch(branch), None, _) => format!("git log -p {}", quoted(branch)),
            (Subject::Setting(key), ..) => format!("git config --show-origin --get-all {}", quoted(key)),
            (Subject::Hook(name), ..) => {
                format!("less \"$(git rev-parse --git-common-dir)/hooks\"/{}", quoted(name))
            }
        }
    }
}

/// A commit in a few letters; everything else as it is.
fn short(text: &str) -> &str {
    let is_commit = text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit { &text[..12] } else { text }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:%,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Everything that differs, looks that could not be taken left out. `folder` is the checkout's.
pub fn changes(before: &Surroundings, after: &Surroundings, folder: &str) -> Vec<Change> {
    let mut found = Vec::new();
    if let (Some(old), Some(new)) = (&before.branches, &after.branches) {
        found.extend(old.iter().filter(|(name, at)| new.get(*name) != Some(at)).map(|(name, at)| Change {
            subject: Subject::Branch(name.clone()),
            before: Some(at.clone()),
            after: new.get(name).cloned(),
        }));
    }
    if let (Some(old), Some(new)) = (&before.settings, &after.settings) {
        found.extend(settings(old, new));
    }
    if let (Some(old), Some(new)) = (&before.hooks, &after.hooks) {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let differing = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
        found.extend(differing.map(|name| plain(Subject::Hook(name.clone()))));
    }
    if let (Some(old), Some(new)) = (&before.checkout, &after.checkout) {
        found.extend(checkout(old, new, folder));
    }
    found
}

fn plain(subject: Subject) -> Change {
    Change { subject, before: None, after: None }
}

fn settings(old: &BTreeMap<String, Vec<String>>, new: &BTreeMap<String, Vec<String>>) -> Vec<Change> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differing =
        keys.into_iter().filter(|key| old.get(*key) != new.get(*key) && !keys::follows_branches(key));
    let told = |key: &str, values: Option<&Vec<String>>| {
        values.filter(|_| keys::runs_code(key)).map(|values| values.join(", "))
    };
    differing
        .map(|key| Change {
            subject: Subject::Setting(key.clone()),
            before: told(key, old.get(key)),
            after: told(key, new.get(key)),
        })
        .collect()
}

fn checkout(old: &Checkout, new: &Checkout, folder: &str) -> Vec<Change> {
    let mut found = Vec::new();
    let head = |look: &Checkout| look.branch.clone().or_else(|| look.commit.clone());
    if head(old) != head(new) {
        let subject = Subject::Head(folder.to_owned());
        found.push(Change { subject, before: head(old), after: head(new) });
    }
    let has_moved = old.commit != new.commit;
    let paths: BTreeSet<&String> = old.files.keys().chain(new.files.keys()).collect();
    for path in paths {
        // What was committed, or given up with a switch, is told by the move.
        let is_explained = has_moved && !new.files.contains_key(path);
        if old.files.get(path) != new.files.get(path) && !is_explained {
            found.push(plain(Subject::File(path.clone())));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::surroundings::{FileMark, FileState};

    fn file(code: &str, modified: i128) -> FileState {
        FileState { code: code.to_owned(), mark: Some(FileMark { size: 1, modified, mode: 0o100_644 }) }
    }

    fn look(branches: &[(&str, &str)], files: &[(&str, FileState)]) -> Surroundings {
        let text = |word: &str| word.to_owned();
        Surroundings {
            checkout: Some(Checkout {
                branch: Some(text("main")),
                commit: branches.iter().find(|(name, _)| *name == "main").map(|(_, at)| text(at)),
                files: files.iter().map(|(path, state)| (text(path), state.clone())).collect(),
            }),
            branches: Some(branches.iter().map(|(name, at)| (text(name), text(at))).collect()),
            settings: Some(BTreeMap::from([(text("user.name"), vec![text("me")])])),
            hooks: Some(BTreeMap::new()),
        }
    }

    fn subjects(before: &Surroundings, after: &Surroundings) -> Vec<Subject> {
        changes(before, after, "/p").into_iter().map(|change| change.subject).collect()
    }

    #[test]
    fn every_kind_of_change_is_found_and_a_new_branch_is_none() {
        let before = look(&[("main", "1"), ("topic", "1")], &[("a", file(".M", 1)), ("b", file(".M", 1))]);
        assert_eq!(changes(&before, &before, "/p"), []);
        let mut after = look(&[("main", "1"), ("new", "2")], &[("a", file(".M", 2)), ("c", file("??", 1))]);
        let settings = after.settings.as_mut().unwrap();
        settings.insert("core.hookspath".to_owned(), vec!["x".to_owned()]);
        settings.insert("user.name".to_owned(), vec!["agent".to_owned()]);
        settings.insert("branch.new.remote".to_owned(), vec![".".to_owned()]);
        let mark = FileMark { size: 1, modified: 1, mode: 1 };
        after.hooks.as_mut().unwrap().insert("pre-commit".to_owned(), mark);
        let name = |text: &str| text.to_owned();
        assert_eq!(
            subjects(&before, &after),
            [
                Subject::Branch(name("topic")),
                Subject::Setting(name("core.hookspath")),
                Subject::Setting(name("user.name")),
                Subject::Hook(name("pre-commit")),
                Subject::File(name("a")),
                Subject::File(name("b")),
                Subject::File(name("c")),
            ]
        );
        let values: Vec<_> = changes(&before, &after, "/p").into_iter().map(|change| change.after).collect();
        assert_eq!(values[1..3], [Some(name("x")), None], "a value that runs nothing is not told");
    }

    #[test]
    fn files_that_a_commit_took_are_told_by_the_move() {
        let before = look(&[("main", "1")], &[("a", file(".M", 1)), ("b", file(".M", 1))]);
        let after = look(&[("main", "2")], &[("b", file(".M", 1))]);
        assert_eq!(subjects(&before, &after), [Subject::Branch("main".to_owned())]);
    }

    #[test]
    fn what_could_not_be_looked_at_is_not_compared() {
        let before = look(&[("main", "1")], &[("a", file(".M", 1))]);
        assert_eq!(changes(&before, &Surroundings::default(), "/p"), []);
        assert_eq!(changes(&Surroundings::default(), &before, "/p"), []);
    }

    #[test]
    fn commands_to_look_take_names_as_words() {
        let change = plain(Subject::File("a b; rm -rf '".to_owned()));
        assert_eq!(change.look(), r"git status -- 'a b; rm -rf '\'''");
    }
}
