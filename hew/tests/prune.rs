//! `hew loop prune-worktrees` through the real binary.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use hew::adapters::git::RepoGit;
use hew::adapters::owner::{self, Owner};
use hew::adapters::proc_tree;
use hew_core::ids::{BranchName, CommitId, RunId};
use hew_core::worktree::{GitClient, WorktreeStart};
use hew_testkit::loop_stage::LoopStage;
use hew_testkit::repo::TestRepo;
use serde_json::Value;

const CRASHED: &str = "loop-20260101T000000Z-00000001";
const RUNNING: &str = "loop-20260101T000000Z-00000002";
const FOREIGN: &str = "loop-20260101T000000Z-00000003";

struct Stage {
    /// Its servants end before the repository is looked at.
    git: RepoGit,
    repo: TestRepo,
    base: CommitId,
}

impl Stage {
    fn new() -> Self {
        let repo = TestRepo::new();
        let git = RepoGit::new(&repo.common_dir()).with_environment(repo.environment());
        let base = repo.rev("HEAD");
        Self { git, repo, base }
    }

    fn folder(&self, run: &str) -> PathBuf {
        self.repo.hew_home().join("wt").join(run)
    }

    /// A run's folder whose owner is this test's process, or one that is gone.
    fn own(&self, run: &str, common_dir: &Path, is_alive: bool) {
        let me = proc_tree::stat(std::process::id()).unwrap();
        let start_ticks = if is_alive { me.start_ticks } else { me.start_ticks + 1 };
        let owner = Owner {
            schema_version: 1,
            run_id: RunId::parse(run).unwrap(),
            project: self.repo.root().display().to_string(),
            common_dir: common_dir.display().to_string(),
            pid: me.pid,
            start_ticks,
        };
        owner::write(&self.folder(run), &owner).unwrap();
    }

    fn add(&self, run: &str, name: &str) -> PathBuf {
        let path = self.folder(run).join(name);
        let branch = Some(BranchName::new(format!("loop/{run}/w{name}")));
        let start = WorktreeStart { branch, commit: self.base.clone() };
        self.git.add_worktree(&path, &start).unwrap();
        path
    }

    fn commit(&self, tree: &Path, name: &str) -> CommitId {
        fs::write(tree.join(name), "work\n").unwrap();
        self.repo.commit_in(tree, name)
    }

    /// Folder name and answer of each leftover.
    fn prune(&self, more: &[&str]) -> Vec<(String, Value)> {
        let output = self.repo.hew(&["loop", "prune-worktrees", "--json"]).args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let named = rows.map(|row| {
            let path = PathBuf::from(row["path"].as_str().unwrap());
            (path.file_name().unwrap().to_string_lossy().into_owned(), row)
        });
        named.collect()
    }
}

fn outcomes(rows: &[(String, Value)]) -> Vec<(&str, &str)> {
    rows.iter().map(|(name, row)| (name.as_str(), row["outcome"].as_str().unwrap())).collect()
}

#[test]
fn what_is_safe_goes_and_all_else_stays_with_its_reason() {
    let s = Stage::new();
    s.own(CRASHED, &s.repo.common_dir(), false);
    let trees = ["0", "1", "2", "3", "4"].map(|name| s.add(CRASHED, name));
    let committed = s.commit(&trees[1], "committed.txt");
    fs::write(trees[2].join("uncommitted.txt"), "work\n").unwrap();
    s.repo.git_in(&trees[3], &["checkout", "--quiet", "--detach"]);
    let unreachable = s.commit(&trees[3], "unreachable.txt");
    fs::remove_dir_all(&trees[4]).unwrap();
    fs::create_dir(s.folder(CRASHED).join("strange")).unwrap();
    fs::create_dir(s.folder(CRASHED).join("tmp-0")).unwrap();
    fs::create_dir_all(s.folder(CRASHED).join("tmp-planner/empty")).unwrap();

    let listed = s.prune(&[]);
    let expected =
        [("0", "safe"), ("1", "safe"), ("2", "kept"), ("3", "kept"), ("4", "safe"), ("strange", "kept")];
    assert_eq!(outcomes(&listed), expected);
    assert!(listed[2].1["reason"].as_str().unwrap().contains("uncommitted.txt"));
    assert!(listed[2].1["look"].as_str().unwrap().starts_with("git -C "));
    assert!(listed[3].1["reason"].as_str().unwrap().contains(unreachable.short()));
    assert!(trees[0].exists() && s.folder(CRASHED).join("tmp-0").exists(), "looking removes nothing");

    let applied = s.prune(&["--apply"]);
    let expected = [
        ("0", "removed"),
        ("1", "removed"),
        ("2", "kept"),
        ("3", "kept"),
        ("4", "removed"),
        ("strange", "kept"),
    ];
    assert_eq!(outcomes(&applied), expected);
    let anchor = format!("refs/hew/{CRASHED}/w1/pruned-001");
    assert_eq!(applied[1].1["anchor"], Value::from(anchor.clone()));
    assert_eq!(applied[0].1["anchor"], Value::Null, "nothing was committed there");
    assert_eq!(s.repo.rev(&anchor), committed);
    assert_eq!(trees.map(|tree| tree.exists()), [false, false, true, true, false]);
    assert!(!s.folder(CRASHED).join("tmp-0").exists() && !s.folder(CRASHED).join("tmp-planner").exists());
    assert_eq!(outcomes(&s.prune(&[])), [("2", "kept"), ("3", "kept"), ("strange", "kept")]);
    assert_eq!(s.git.list_worktrees().unwrap().len(), 3);
    s.repo.fsck_clean();
}

#[test]
fn a_folder_whose_worktrees_are_all_gone_goes_too() {
    let s = Stage::new();
    s.own(CRASHED, &s.repo.common_dir(), false);
    s.add(CRASHED, "0");
    s.prune(&["--apply"]);
    assert!(!s.folder(CRASHED).exists());
    assert_eq!(s.prune(&[]), []);
}

#[test]
fn a_run_that_goes_on_is_left_alone_and_other_projects_are_not_even_listed() {
    let s = Stage::new();
    let other = Stage::new();
    s.own(RUNNING, &s.repo.common_dir(), true);
    let running = s.add(RUNNING, "0");
    s.own(FOREIGN, &other.repo.common_dir(), false);
    let foreign = s.folder(FOREIGN).join("0");
    other.repo.git(&["worktree", "add", "--quiet", "--detach", foreign.to_str().unwrap()]);
    let nobodys = s.folder("loop-20260101T000000Z-00000004").join("0");
    fs::create_dir_all(&nobodys).unwrap();

    let rows = s.prune(&["--apply"]);
    assert_eq!(outcomes(&rows), [("0", "kept")]);
    assert_eq!(rows[0].1["look"], Value::from(format!("hew loop status --run-id {RUNNING}")));
    assert!(running.exists() && foreign.join("README.md").exists() && nobodys.exists());
}

#[test]
fn of_two_clones_of_a_project_each_sees_its_own_and_a_copy_has_no_say() {
    let s = Stage::new();
    s.own(CRASHED, &s.repo.common_dir(), false);
    let tree = s.add(CRASHED, "0");
    let copy = s.repo.base().join("copy");
    let copied = std::process::Command::new("cp").arg("-a").arg(s.repo.root()).arg(&copy).status().unwrap();
    assert!(copied.success());
    let clone = s.repo.base().join("clone");
    s.repo.git(&["clone", "--quiet", s.repo.root().to_str().unwrap(), clone.to_str().unwrap()]);
    for other in [&copy, &clone] {
        let mut command = s.repo.hew(&["loop", "prune-worktrees", "--apply", "--json"]);
        let output = command.current_dir(other).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{}", other.display());
    }
    assert!(tree.join("README.md").exists());
    assert_eq!(outcomes(&s.prune(&[])), [("0", "safe")]);
}

#[test]
fn a_project_that_was_moved_still_sees_what_its_runs_left() {
    let s = Stage::new();
    s.own(CRASHED, &s.repo.common_dir(), false);
    s.add(CRASHED, "0");
    let moved = s.repo.base().join("moved");
    fs::rename(s.repo.root(), &moved).unwrap();
    let output = s.repo.hew(&["loop", "prune-worktrees", "--json"]).current_dir(&moved).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("\"run_id\""), "{output:?}");
}

#[test]
fn locked_read_only_and_oddly_named_worktrees_go_too_and_a_half_made_one_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let s = Stage::new();
    s.own(CRASHED, &s.repo.common_dir(), false);
    let locked = s.add(CRASHED, "0");
    s.repo.git(&["worktree", "lock", "--reason", "mine", locked.to_str().unwrap()]);
    let read_only = s.add(CRASHED, "1");
    fs::write(s.repo.common_dir().join("info/exclude"), "cache/\n").unwrap();
    fs::create_dir_all(read_only.join("cache/mod")).unwrap();
    fs::write(read_only.join("cache/mod/file"), "x").unwrap();
    fs::set_permissions(read_only.join("cache/mod"), fs::Permissions::from_mode(0o555)).unwrap();
    let odd = s.folder(CRASHED).join("2\nworktree x");
    s.git.add_worktree(&odd, &WorktreeStart { branch: None, commit: s.base.clone() }).unwrap();
    let half_made = s.add(CRASHED, "3");
    let admin = s.git.git_dir_of(&half_made).unwrap();
    fs::write(admin.join("locked"), "initializing").unwrap();
    fs::write(admin.join("index.lock"), "").unwrap();

    let rows = s.prune(&["--apply"]);
    let gone: Vec<&str> =
        rows.iter().filter(|(_, row)| row["outcome"] == "removed").map(|(name, _)| name.as_str()).collect();
    assert_eq!(gone, ["0", "1", "2\nworktree x"], "{rows:#?}");
    assert!(![locked, read_only, odd].iter().any(|tree| tree.exists()));
    // What can't be read proves nothing.
    assert!(rows[3].1["reason"].as_str().unwrap().contains("git did not finish making it"));
    assert!(rows[3].1["look"].as_str().unwrap().starts_with("ls -la ") && half_made.exists());
    assert_eq!(s.git.list_worktrees().unwrap().len(), 2);
}

#[test]
fn work_that_landed_nowhere_goes_only_when_a_person_discards_it() {
    let stage = LoopStage::new();
    let red = stage.task("Red", "write bad.txt b\ncommit Red\ndone");
    let good = stage.task("Good", "write good.txt g\ncommit Good\ndone");
    stage.run(&["--gate", "test ! -e bad.txt", "--max-attempts", "1"]);
    assert_eq!(
        (stage.outcomes(&red), stage.status(&good)),
        (vec!["backpressure_fail".into()], "closed".into())
    );
    let anchors = stage.refs("refs/hew");
    assert_eq!(anchors.len(), 2);
    stage.ok(&["loop", "prune-worktrees", "--apply"]);
    let listed = stage.ok(&["loop", "prune-worktrees", "--discard"]);
    assert_eq!(listed.lines().filter(|line| line.starts_with("unlanded")).count(), 1, "{listed}");
    assert_eq!(stage.refs("refs/hew"), anchors, "looking removes nothing");
    let gone: Value =
        serde_json::from_str(&stage.ok(&["--json", "loop", "prune-worktrees", "--discard", "--apply"]))
            .unwrap();
    assert_eq!((&gone["kind"], &gone["outcome"]), (&"anchor".into(), &"discarded".into()));
    let left = stage.refs("refs/hew");
    assert_eq!(left.len(), 1);
    assert!(!left.contains_key(gone["name"].as_str().unwrap()));
    stage.repo.fsck_clean();
}

#[test]
fn one_run_can_be_asked_for_and_text_names_the_next_command() {
    let s = Stage::new();
    for run in [CRASHED, RUNNING] {
        s.own(run, &s.repo.common_dir(), run == RUNNING);
        s.add(run, "0");
    }
    assert_eq!(outcomes(&s.prune(&["--run-id", CRASHED])), [("0", "safe")]);
    let output = s.repo.hew(&["loop", "prune-worktrees"]).output().unwrap();
    let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("safe ") && out.contains("why:  its run may still be going on"), "{out}");
    assert!(said.contains("1 safe to remove, 1 kept") && said.contains("--apply"), "{said}");
    let wrong = s.repo.hew(&["loop", "prune-worktrees", "--run-id", "x"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
