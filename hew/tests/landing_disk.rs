//! A disk that fills up in mid-run (landing.md L15): what had landed stays, git finds the repository whole, hew says what is
//! missing, and once there is room again the rest is done.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use hew_testkit::kills::{Outcome, Scene, TaskSpec};
use hew_testkit::loop_stage::{LoopStage, Ran};
use hew_testkit::small_disk::on_small_disk;

const COMMIT: &str = "git add -A && git commit -qm work";

/// The second task's agent leaves so many KB of the disk.
fn fill_space(left: u64) -> String {
    format!(
        "avail=$(df -k --output=avail \"$STAGE\" | tail -1); [ -e \"$STAGE/ballast\" ] || head -c $(((avail - {left}) * 1024)) /dev/zero > \"$STAGE/ballast\""
    )
}

/// The second task's agent leaves so many inodes of the disk.
fn fill_inodes(left: u64) -> String {
    format!(
        "avail=$(df --output=iavail \"$STAGE\" | tail -1); [ -e \"$STAGE/ballast\" ] || {{ mkdir \"$STAGE/ballast\"; seq $((avail - {left} - 1)) | (cd \"$STAGE/ballast\" && xargs touch); }}"
    )
}

/// Three tasks in a row.
fn scene(fill: &str) -> Scene {
    let work = |name: &str| format!("echo {name} > {name}.txt && {COMMIT}");
    let tasks = vec![
        TaskSpec::new("k-first", &work("first")).first(),
        TaskSpec::new("k-second", &format!("{fill}; {}", work("second"))).after(&["k-first"]),
        TaskSpec::new("k-third", &work("third")).after(&["k-second"]),
    ];
    Scene { tasks, flags: vec!["--gate".to_owned(), "test -e README.md".to_owned()], either: Vec::new() }
}

fn hew(stage: &LoopStage, words: &[&str]) -> Ran {
    let mut command = stage.repo.hew(words);
    command.env("STAGE", stage.path("marks"));
    hew_testkit::loop_stage::ran(command)
}

/// Everything that the run, its resume and a new run say, with the exit codes.
fn until_done(stage: &LoopStage, scene: &Scene) -> String {
    let first = hew(stage, &scene.run_words());
    let mut told = format!("{}: {}", first.code, first.stderr);
    assert_ne!(first.code, 70, "{told}");
    assert_ne!(first.code, 101, "{told}");
    stage.repo.fsck_clean();
    let is_done = |stage: &LoopStage| stage.tasks().values().all(|task| task["status"] == "closed");
    // Where only the delivery found no room, all is done and the code is not 0.
    assert!(first.code != 0 || is_done(stage), "{told}");
    // It stays in place so that nobody fills the disk again.
    let ballast = stage.path("marks/ballast");
    if ballast.is_dir() {
        empty_folder(&ballast);
    } else if ballast.exists() {
        empty(&ballast);
    }
    let again = [
        &["loop", "resume"][..],
        &["loop", "deliver"],
        &[&scene.run_words()[..], &["--retry-parked"]].concat(),
    ];
    for words in again.iter().take(if first.code == 0 { 0 } else { 3 }) {
        let ran = hew(stage, words);
        write!(told, "\nhew {}: {}: {}", words.join(" "), ran.code, ran.stderr).expect("a text takes it");
        assert_ne!(ran.code, 70, "{told}");
    }
    assert!(is_done(stage), "{told}");
    told
}

fn empty_folder(folder: &Path) {
    for entry in fs::read_dir(folder).expect("it was made") {
        fs::remove_file(entry.expect("an entry can be read").path()).expect("a file can be removed");
    }
}

fn empty(file: &Path) {
    fs::write(file, "").expect("a file can be made smaller on a full disk");
}

/// Answers how often somebody was told that there is no room.
fn fill_up(amounts: &[u64], fill: impl Fn(u64) -> String) -> u32 {
    let mut stopped = 0;
    for left in amounts {
        let scene = scene(&fill(*left));
        let stage = scene.set();
        let told = until_done(&stage, &scene);
        stopped += u32::from(told.contains("No space left"));
        let names: Vec<String> = scene.tasks.iter().map(|task| task.name.clone()).collect();
        let outcome = Outcome::of(&stage, &names);
        assert_eq!(outcome.landed, names_in_order(&names), "{left} left: {told}");
        stage.assert_nothing_runs();
        stage.repo.fsck_clean();
    }
    stopped
}

#[test]
fn on_a_disk_that_fills_up_nothing_is_lost_and_with_room_again_the_rest_is_done() {
    on_small_disk(|| {
        let stopped = fill_up(&[0, 4, 12, 24, 40, 64, 100, 160, 400], fill_space);
        assert!(stopped > 3, "the disk was full {stopped} times only");
    });
}

#[test]
fn on_a_disk_whose_inodes_are_used_up_nothing_is_lost_and_with_some_again_the_rest_is_done() {
    on_small_disk(|| {
        let stopped = fill_up(&[0, 2, 5, 10, 18, 40], fill_inodes);
        assert!(stopped > 2, "the disk was full {stopped} times only");
    });
}

fn names_in_order(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names
}
