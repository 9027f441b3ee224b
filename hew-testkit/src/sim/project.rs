//! What agents write, and what is red: the truth that a gate finds out.

use std::path::Path;

use hew_core::ids::TaskId;

use super::script::Writes;
use crate::fake_git::FakeGit;

/// Why files that lie together are red; none where they are green.
pub(super) fn why_red(names: &[String]) -> Option<String> {
    if let Some(red) = names.iter().find(|name| name.starts_with("red-")) {
        return Some(red.clone());
    }
    let left = names.iter().filter_map(|name| name.strip_prefix("left-"));
    let has_right = |number: &&str| names.iter().any(|name| name.strip_prefix("right-") == Some(number));
    left.map(str::to_owned).find(|number| has_right(&number.as_str())).map(|number| format!("pair {number}"))
}

/// Writes what the nth agent of a task writes besides its own file. Whoever sees the other half of a pair writes none.
pub(super) fn write(git: &FakeGit, tree: &Path, task: &TaskId, nth: usize, writes: &[Writes]) {
    for what in writes {
        match what {
            Writes::Shared(number) => {
                let name = format!("shared-{number}");
                let before = git.read(tree, &name).unwrap_or_default();
                git.write(tree, &name, &format!("{before}{task} {nth}\n"));
            }
            Writes::Half(number, is_left) => {
                let (own, other) = if *is_left { ("left", "right") } else { ("right", "left") };
                if git.read(tree, &format!("{other}-{number}")).is_none() {
                    git.write(tree, &format!("{own}-{number}"), "half");
                }
            }
            Writes::Red => git.write(tree, &format!("red-{task}-{nth}"), "red"),
        }
    }
}
