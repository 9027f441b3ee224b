//! Projects whose end does not depend on who is quicker, nor on how often something had to be begun again.

use super::scene::{Scene, TaskSpec};

/// Commits everything; what is committed already is no reason to fail.
const COMMIT: &str = "git add -A && git commit -qm work";

/// Waits for a mark.
fn wait(mark: &str) -> String {
    format!("until [ -e \"$STAGE/{mark}\" ]; do sleep 0.01; done")
}

/// Adds a line to a file that all such tasks write: two on one base don't merge, one after the other does.
fn joins(name: &str, other: &str) -> String {
    format!(
        "touch \"$STAGE/{name}\" && {} && touch list.txt && (cat list.txt; echo {name}) | sort -u > new && mv new list.txt && {COMMIT}",
        wait(other)
    )
}

/// Two workers; a gate that is red once and one that is always red, a conflict that a second try solves, a chain, a task
/// that changes nothing.
pub fn every_end() -> Scene {
    let count = "n=$(cat \"$STAGE/tries\" 2>/dev/null || echo 0); echo $((n+1)) > \"$STAGE/tries\"";
    let tasks = vec![
        TaskSpec::new("k-one", &joins("one", "two")).first(),
        TaskSpec::new("k-two", &joins("two", "one")).first(),
        TaskSpec::new(
            "k-red-once",
            &format!("{count}; [ $n -gt 0 ] || touch bad.txt; echo once > once.txt; {COMMIT}"),
        ),
        TaskSpec::new("k-red", &format!("touch bad.txt; {COMMIT}")),
        TaskSpec::new("k-base", &format!("echo base > base.txt; {COMMIT}")),
        TaskSpec::new("k-next", &format!("test -e base.txt && echo next > next.txt && {COMMIT}"))
            .after(&["k-base"]),
        TaskSpec::new("k-nothing", "hew done --reason nothing"),
    ];
    let flags = ["--jobs", "2", "--max-attempts", "2", "--gate", "test ! -e bad.txt", "--no-baseline"];
    Scene { tasks, flags: flags.map(str::to_owned).to_vec(), either: Vec::new() }
}

/// A conflict with all attempts used up: one bug task. Begun again once the other has landed, the task merges and lands
/// instead.
pub fn work_that_stays_behind() -> Scene {
    let landed = "until git show \"loop/$HEW_RUN_ID/main:place.txt\" >/dev/null 2>&1; do sleep 0.01; done";
    let tasks = vec![
        TaskSpec::new(
            "k-behind",
            &format!("touch \"$STAGE/begun\"; {landed}; echo behind > place.txt; {COMMIT}"),
        )
        .first(),
        TaskSpec::new("k-ahead", &format!("{}; echo ahead > place.txt; {COMMIT}", wait("begun"))).first(),
    ];
    let flags = ["--jobs", "2", "--max-attempts", "1", "--no-gate"];
    Scene { tasks, flags: flags.map(str::to_owned).to_vec(), either: vec!["k-behind".to_owned()] }
}

/// `--merge end`, and only one branch lands. The second worker's is cut where a person has closed a task of it; what is left
/// of it does not merge with the first one's. `k-freed` could begin once that has landed, and is left to the next run.
pub fn branches_that_do_not_land() -> Scene {
    let close =
        "(cd \"$HEW_PROJECT\" && HEW_ALLOW_NESTED=1 hew task close k-taken --actor ann --reason 'by hand')";
    let writes = |name: &str, file: &str| format!("echo {name} > {file}.txt; {COMMIT}");
    let tasks = vec![
        TaskSpec::new("k-ahead", &format!("{}; {}", writes("ahead", "place"), wait("done"))),
        TaskSpec::new("k-behind", &writes("behind", "place")),
        TaskSpec::new("k-more", &writes("more", "more")),
        TaskSpec::new("k-taken", &writes("taken", "taken")),
        TaskSpec::new(
            "k-above",
            &format!("{} && {close} && touch \"$STAGE/done\"", writes("above", "above")),
        ),
        TaskSpec::new("k-freed", &writes("freed", "freed")).after(&["k-ahead"]),
    ];
    let flags = ["--merge", "end", "--jobs", "2", "--no-gate"];
    Scene { tasks, flags: flags.map(str::to_owned).to_vec(), either: Vec::new() }
}
