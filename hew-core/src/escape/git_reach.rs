//! What a git command reaches for outside its own worktree.

use std::path::Path;

use super::claim::{Place, Reach};
use super::trace::GitCommand;

/// Commands that move the branch that their working tree is on.
const MOVING: [&str; 9] =
    ["am", "cherry-pick", "commit", "filter-branch", "merge", "pull", "rebase", "reset", "revert"];

/// Commands that change a working tree, its index or its HEAD without moving its branch.
const CHANGING: [&str; 17] = [
    "add",
    "apply",
    "bisect",
    "checkout",
    "checkout-index",
    "clean",
    "mv",
    "read-tree",
    "restore",
    "rm",
    "sparse-checkout",
    "stash",
    "submodule",
    "switch",
    "symbolic-ref",
    "update-index",
    "update-ref",
];

/// Flags with which a command only looks.
const LOOKING: [&str; 6] = ["--dry-run", "-n", "--check", "--stat", "--numstat", "--summary"];

/// Flags of `update-index` with which it only looks again whether files are as it knows them.
const REFRESHING: [&str; 6] =
    ["-q", "--refresh", "--really-refresh", "--unmerged", "--ignore-missing", "--ignore-submodules"];

/// The branch that the agent put its own worktree on, if it did.
#[derive(Debug, Default)]
pub(super) struct Standing {
    branch: Option<String>,
}

impl Standing {
    /// What a command reaches for, with what those before it did.
    pub(super) fn reaches(&mut self, command: &GitCommand, place: &Place) -> Vec<Reach> {
        let in_checkout = command.folder.as_deref() == Some(place.checkout.as_path());
        let in_own = !place.is_cloned && command.folder.as_deref() == Some(place.worktree.as_path());
        if !in_checkout && !in_own && !names_repository(command, place) {
            return Vec::new();
        }
        let args = args_of(command);
        let name = command.name.as_str();
        let mut found = named(name, &args, place);
        if in_checkout && changes_tree(name, &args) {
            found.push(Reach::Checkout);
        }
        if !in_checkout {
            if let Some(branch) = stands_on(name, &args) {
                self.branch = Some(branch);
            }
            if MOVING.contains(&name) {
                found.extend(self.branch.clone().map(Reach::Branch));
            }
        }
        found
    }
}

/// The branch that a command puts its working tree on.
fn stands_on(name: &str, args: &[&str]) -> Option<String> {
    let branch = match name {
        "checkout" | "switch" => {
            let made = args
                .iter()
                .position(|arg| matches!(*arg, "-b" | "-c" | "-B" | "-C" | "--orphan" | "--create"));
            match made {
                Some(at) => args.get(at + 1).copied(),
                // With paths it changes files only.
                None if args.contains(&"--") => None,
                None => {
                    let mut words = positional(args, &[]);
                    words.next().filter(|_| words.next().is_none())
                }
            }
        }
        "rebase" => positional(args, &["--onto", "-x", "-s", "-X"]).nth(1),
        "symbolic-ref" => {
            let words: Vec<&str> = positional(args, &["-m"]).collect();
            words.get(1).copied().filter(|_| words[0] == "HEAD")
        }
        _ => None,
    }?;
    Some(branch.strip_prefix("refs/heads/").unwrap_or(branch).to_owned())
}

/// The command line says itself which repository it is for.
fn names_repository(command: &GitCommand, place: &Place) -> bool {
    let names = |arg: &String| {
        let path = Path::new(arg.strip_prefix("--git-dir=").unwrap_or(arg));
        path == place.common_dir || path == place.checkout
    };
    command.argv.iter().any(names)
}

/// The words after the command's own.
fn args_of(command: &GitCommand) -> Vec<&str> {
    let at = command.argv.iter().skip(1).position(|word| *word == command.name);
    at.map(|at| command.argv[at + 2..].iter().map(String::as_str).collect()).unwrap_or_default()
}

/// Words that are no flags, nor values of these flags.
fn positional<'a>(args: &'a [&'a str], valued: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let mut skip = false;
    args.iter().copied().take_while(|arg| *arg != "--").filter(move |arg| {
        let is_value = std::mem::replace(&mut skip, valued.contains(arg));
        !is_value && !arg.starts_with('-')
    })
}

fn has_flag(args: &[&str], letters: &str, words: &[&str]) -> bool {
    args.iter().any(|arg| {
        let cluster = arg.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
        words.contains(arg) || cluster.is_some_and(|cluster| cluster.contains(|c| letters.contains(c)))
    })
}

/// `-n` alone or among other letters; what follows an `e` is a pattern.
fn has_dry_run(args: &[&str]) -> bool {
    let is_cluster = |arg: &str| {
        let letters = arg.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
        letters.is_some_and(|letters| letters.chars().take_while(|letter| *letter != 'e').any(|c| c == 'n'))
    };
    args.iter().take_while(|arg| **arg != "--").any(|arg| *arg == "--dry-run" || is_cluster(arg))
}

/// The command changes the working tree that it runs in.
fn changes_tree(name: &str, args: &[&str]) -> bool {
    if !MOVING.contains(&name) && !CHANGING.contains(&name) {
        return false;
    }
    let sub = args.first().copied().unwrap_or_default();
    let only_looks = match name {
        "stash" => matches!(sub, "list" | "show" | "drop" | "clear" | "create" | "store" | "branch"),
        "submodule" => matches!(sub, "" | "status" | "summary" | "foreach"),
        "bisect" => matches!(sub, "log" | "view" | "visualize"),
        "sparse-checkout" => sub == "list",
        // They say themselves which ref they write.
        "symbolic-ref" => positional(args, &["-m"]).count() < 2 || sub != "HEAD",
        "update-ref" => !args.contains(&"HEAD"),
        // `merge -n` leaves out the statistics, `cherry-pick -n` the commit.
        "merge" | "cherry-pick" | "revert" | "commit" | "pull" | "rebase" => args.contains(&"--dry-run"),
        "update-index" => args.iter().all(|arg| REFRESHING.contains(arg)),
        "add" | "clean" | "mv" | "read-tree" | "rm" => has_dry_run(args),
        _ => args.iter().any(|arg| LOOKING.contains(arg)),
    };
    !only_looks
}

/// What a command names itself, wherever it runs.
fn named(name: &str, args: &[&str], place: &Place) -> Vec<Reach> {
    let branch = |name: &str| Reach::Branch(name.strip_prefix("refs/heads/").unwrap_or(name).to_owned());
    let section = |name: &str| vec![Reach::Setting(name.to_owned())];
    match name {
        "config" => config(args, place),
        "remote"
            if !matches!(args.first().copied().unwrap_or(""), "" | "-v" | "show" | "get-url" | "update") =>
        {
            section("remote.")
        }
        "submodule" => section("submodule."),
        "sparse-checkout" => [section("core."), section("extensions.")].concat(),
        "maintenance" => section("maintenance."),
        "init" => section("core."),
        "update-ref" => {
            let first = positional(args, &["-m"]).next();
            first.and_then(|name| name.strip_prefix("refs/heads/")).map(branch).into_iter().collect()
        }
        "symbolic-ref" => {
            let first = positional(args, &["-m"]).next();
            first.and_then(|name| name.strip_prefix("refs/heads/")).map(branch).into_iter().collect()
        }
        "branch" => {
            let words = ["--delete", "--move", "--copy", "--force"];
            let writes = has_flag(args, "dDmMcCf", &words);
            positional(args, &["-u", "--set-upstream-to"]).filter(|_| writes).map(branch).collect()
        }
        "checkout" | "switch" | "worktree" => {
            let at = args.iter().position(|arg| matches!(*arg, "-B" | "-C" | "--force-create"));
            at.and_then(|at| args.get(at + 1)).map(|name| branch(name)).into_iter().collect()
        }
        "push" => pushed(args, place),
        "fetch" | "pull" => {
            let written =
                positional(args, &["--depth", "-j"]).skip(1).filter_map(|spec| spec.split_once(':'));
            written.map(|(_, to)| branch(to)).collect()
        }
        _ => Vec::new(),
    }
}

/// Branches that a push to this very repository writes.
fn pushed(args: &[&str], place: &Place) -> Vec<Reach> {
    let mut words = positional(args, &["-o", "--push-option", "--receive-pack"]);
    let Some(remote) = words.next() else { return Vec::new() };
    let path = Path::new(remote.strip_prefix("file://").unwrap_or(remote));
    if remote != "." && path != place.checkout && path != place.common_dir {
        return Vec::new();
    }
    let written = words.map(|spec| {
        let spec = spec.trim_start_matches('+');
        let to = spec.split_once(':').map_or(spec, |(_, to)| to);
        Reach::Branch(to.strip_prefix("refs/heads/").unwrap_or(to).to_owned())
    });
    written.collect()
}

/// Settings that `git config` writes to the repository's own file.
fn config(args: &[&str], place: &Place) -> Vec<Reach> {
    let elsewhere = ["--global", "--system", "--blob"];
    if args.iter().any(|arg| elsewhere.contains(arg)) {
        return Vec::new();
    }
    let file = args.iter().position(|arg| matches!(*arg, "-f" | "--file")).and_then(|at| args.get(at + 1));
    let file = file.copied().or_else(|| args.iter().find_map(|arg| arg.strip_prefix("--file=")));
    if file.is_some_and(|file| place.worktree.join(file) != place.common_dir.join("config")) {
        return Vec::new();
    }
    let looks = |arg: &&str| arg.starts_with("--get") || matches!(*arg, "-l" | "--list");
    let mut words = positional(args, &["-f", "--file", "--type", "--default", "--comment"]).peekable();
    if args.iter().any(looks) || matches!(words.peek(), Some(&"get" | &"list")) {
        return Vec::new();
    }
    let is_new_style =
        matches!(words.peek(), Some(&"set" | &"unset" | &"edit" | &"rename-section" | &"remove-section"));
    let removes =
        ["--unset", "--unset-all", "--add", "--replace-all", "--remove-section", "--rename-section"];
    let writes = is_new_style || args.iter().any(|arg| removes.contains(arg));
    let edits = args.iter().any(|arg| matches!(*arg, "-e" | "--edit")) || words.peek() == Some(&"edit");
    if edits {
        return vec![Reach::Setting(String::new())];
    }
    if is_new_style {
        words.next();
    }
    let named: Vec<&str> = words.collect();
    let [key, rest @ ..] = &named[..] else { return Vec::new() };
    // A key alone is a question.
    if rest.is_empty() && !writes {
        return Vec::new();
    }
    let key = key_of(key);
    vec![Reach::Setting(format!("{key}.")), Reach::Setting(key)]
}

/// A key as git lists it: section and name in lower case, what is between them as it is.
fn key_of(key: &str) -> String {
    match (key.find('.'), key.rfind('.')) {
        (Some(first), Some(last)) if first < last => {
            let (section, name) = (&key[..first], &key[last..]);
            format!("{}{}{}", section.to_ascii_lowercase(), &key[first..last], name.to_ascii_lowercase())
        }
        _ => key.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            worktree: "/w/0".into(),
            checkout: "/p".into(),
            common_dir: "/p/.git".into(),
            is_cloned: false,
        }
    }

    fn command(folder: &str, line: &str) -> GitCommand {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut words = argv.iter().skip(1).peekable();
        let mut name = String::new();
        while let Some(word) = words.next() {
            if matches!(word.as_str(), "-C" | "-c") {
                words.next();
            } else if !word.starts_with('-') {
                name.clone_from(word);
                break;
            }
        }
        GitCommand { argv, name, folder: Some(folder.into()), ..GitCommand::default() }
    }

    fn reached(lines: &[(&str, &str)]) -> Vec<String> {
        let mut standing = Standing::default();
        let all = lines.iter().flat_map(|(folder, line)| standing.reaches(&command(folder, line), &place()));
        let words = all.map(|reach| match reach {
            Reach::Checkout => "checkout".to_owned(),
            Reach::Branch(name) => format!("branch {name}"),
            Reach::Setting(key) => format!("setting {key}"),
            other => format!("{other:?}"),
        });
        words.filter(|word| !word.ends_with('.') || word.matches('.').count() == 1).collect()
    }

    #[test]
    fn commands_that_write_elsewhere_are_seen() {
        let cases: [(&str, &str, &[&str]); 19] = [
            ("/p", "git -C /p clean -fd", &["checkout"]),
            ("/p", "git -C /p clean -fde *.n", &["checkout"]),
            ("/p", "git -C /p update-index --refresh --chmod=+x a", &["checkout"]),
            ("/p", "git -C /p commit -qam x", &["checkout"]),
            ("/p", "git -C /p checkout -q .", &["checkout"]),
            ("/p", "git -C /p stash", &["checkout"]),
            ("/w/0", "git update-ref refs/heads/main HEAD", &["branch main"]),
            ("/w/0", "git update-ref -m why refs/heads/main HEAD", &["branch main"]),
            ("/w/0", "git branch -D topic other", &["branch topic", "branch other"]),
            ("/w/0", "git branch -f main HEAD", &["branch main", "branch HEAD"]),
            ("/w/0", "git push -q . HEAD:main", &["branch main"]),
            ("/w/0", "git push . +x:refs/heads/main", &["branch main"]),
            ("/w/0", "git fetch . x:main", &["branch main"]),
            ("/w/0", "git checkout -B main", &["branch main"]),
            ("/w/0", "git config core.hooksPath x", &["setting core.hookspath"]),
            ("/w/0", "git config --unset user.Name", &["setting user.name"]),
            ("/w/0", "git config set alias.st status", &["setting alias.st"]),
            ("/w/0", "git remote add o /x", &["setting remote."]),
            ("/x", "git --git-dir=/p/.git update-ref refs/heads/main x", &["branch main"]),
        ];
        for (folder, line, expected) in cases {
            assert_eq!(reached(&[(folder, line)]), expected, "{line}");
        }
    }

    #[test]
    fn in_a_clone_branches_and_settings_are_its_own() {
        let place = Place { is_cloned: true, ..place() };
        let reaches = |folder: &str, line: &str| Standing::default().reaches(&command(folder, line), &place);
        assert_eq!(reaches("/w/0", "git update-ref refs/heads/main HEAD"), []);
        assert_eq!(reaches("/w/0", "git config core.hooksPath x"), []);
        assert_eq!(reaches("/p", "git -C /p commit -qam x"), [Reach::Checkout]);
        let named = reaches("/x", "git --git-dir=/p/.git update-ref refs/heads/main x");
        assert_eq!(named, [Reach::Branch("main".to_owned())]);
    }

    #[test]
    fn commands_that_look_or_stay_at_home_are_not() {
        for (folder, line) in [
            ("/p", "git -C /p status"),
            ("/p", "git -C /p log main"),
            ("/p", "git -C /p stash list"),
            ("/p", "git -C /p clean -n"),
            ("/p", "git -C /p clean -nd"),
            ("/p", "git -C /p clean -xdn"),
            ("/p", "git -C /p add -nv ."),
            ("/p", "git -C /p update-index -q --refresh"),
            ("/w/0", "git commit -qam x"),
            ("/w/0", "git reset --hard HEAD~1"),
            ("/w/0", "git merge main"),
            ("/w/0", "git branch new main"),
            ("/w/0", "git branch --contains main"),
            ("/w/0", "git push origin main"),
            ("/w/0", "git config user.name"),
            ("/w/0", "git config --get core.hooksPath"),
            ("/w/0", "git config --global user.name x"),
            ("/w/0", "git stash drop"),
            ("/w/0", "git gc --prune=now"),
            ("/tmp/x", "git branch -D main"),
            ("/tmp/x", "git config core.hooksPath x"),
        ] {
            assert_eq!(reached(&[(folder, line)]), [""; 0], "{line}");
        }
    }

    #[test]
    fn a_commit_after_a_switch_is_on_that_branch() {
        let stood = [("/w/0", "git checkout --ignore-other-worktrees main"), ("/w/0", "git commit -qm x")];
        assert_eq!(reached(&stood), ["branch main"]);
        assert_eq!(reached(&stood[..1]), [""; 0]);
        let left = [stood[0], ("/w/0", "git switch own"), stood[1]];
        assert_eq!(reached(&left), ["branch own"]);
        let made = [("/w/0", "git checkout -b new main"), ("/w/0", "git commit -m x")];
        assert_eq!(reached(&made), ["branch new"]);
        let files = [("/w/0", "git checkout main -- file"), ("/w/0", "git commit -m x")];
        assert_eq!(reached(&files), [""; 0]);
        let by_hand = [("/w/0", "git symbolic-ref HEAD refs/heads/main"), ("/w/0", "git commit -m x")];
        assert_eq!(reached(&by_hand), ["branch main"]);
    }
}
