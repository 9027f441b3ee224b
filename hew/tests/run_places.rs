//! Where a run may be started from (landing.md L22, L23).

use std::fs;
use std::path::Path;

use hew_testkit::loop_stage::{LoopStage, Ran, ran};
use hew_testkit::repo::TestRepo;

const WRITES: &str = "write done.txt done\ncommit Work\ndone";

fn run_in(stage: &LoopStage, folder: &Path) -> Ran {
    ran(stage.repo.hew_in(folder, &["loop", "run", "--scope", "ready"]))
}

fn add_in(stage: &LoopStage, folder: &Path) -> String {
    let added = ran(stage.repo.hew_in(folder, &["task", "add", "--id-only", "Work"]));
    assert_eq!(added.code, 0, "{}", added.stderr);
    let id = added.stdout.trim().to_owned();
    stage.script(&id, WRITES);
    id
}

#[test]
fn from_a_subfolder_the_whole_project_is_meant() {
    let stage = LoopStage::new();
    stage.repo.write("deep/er/file.txt", "x");
    stage.repo.commit("Deeper");
    let folder = stage.repo.root().join("deep/er");
    let task = add_in(&stage, &folder);
    let ran = run_in(&stage, &folder);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.status(&task), "closed");
    assert_eq!(stage.repo.read("done.txt").unwrap(), "done", "the work lies at the root");
    assert!(!folder.join(".hew").exists());
    stage.assert_left_clean();
}

#[test]
fn from_a_linked_worktree_its_own_branch_and_settings_count() {
    let stage = LoopStage::new();
    let linked = stage.path("linked");
    let linked_text = linked.display().to_string();
    stage.repo.git(&["worktree", "add", "--quiet", "-b", "side", &linked_text]);
    fs::write(linked.join("side.txt"), "side").unwrap();
    fs::write(linked.join(".hew.toml"), "loop.branch_prefix = \"agents\"\n").unwrap();
    stage.repo.commit_in(&linked, "Side");
    let main = stage.rev("main");
    let task = add_in(&stage, &linked);
    let ran = run_in(&stage, &linked);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.status(&task), "closed", "the tracker is one for all worktrees");
    assert_eq!(stage.rev("main"), main, "the main working tree's branch is not the target");
    assert_eq!(stage.file_at("side", "done.txt").unwrap(), "done");
    assert_eq!(fs::read_to_string(linked.join("done.txt")).unwrap(), "done");
    assert_eq!(stage.file_at("side", "side.txt").unwrap(), "side", "it started from the worktree's commit");
    assert_eq!(stage.refs("refs/heads/agents").len(), 1, "the worktree's settings count");
    assert!(!linked.join(".hew").exists(), "the state lies in the main working tree");
    assert_eq!(stage.worktrees(), [linked]);
    stage.repo.fsck_clean();
    stage.assert_nothing_runs();
}

#[test]
fn from_a_worktree_of_a_bare_repository() {
    let stage = LoopStage::new();
    let bare = stage.path("bare.git");
    let tree = stage.path("tree");
    let (bare_text, tree_text) = (bare.display().to_string(), tree.display().to_string());
    stage.repo.git(&["clone", "--quiet", "--bare", ".", &bare_text]);
    stage.repo.git_in(&bare, &["worktree", "add", "--quiet", "-b", "work", &tree_text]);
    add_in(&stage, &tree);
    let ran = run_in(&stage, &tree);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(fs::read_to_string(tree.join("done.txt")).unwrap(), "done");
    assert_eq!(stage.repo.git_in(&bare, &["log", "--format=%s", "-1", "work^2"]), "Work");
    assert!(bare.join("hew/state/loop").is_dir(), "its state lies in the git folder");
    assert!(!tree.join(".hew").exists());
    let inside = run_in(&stage, &bare);
    assert_eq!(inside.code, 2, "{}", inside.stderr);
    assert!(inside.stderr.contains("bare repository") && inside.stderr.contains("git worktree add"));
    let said = stage.repo.git_in(&bare, &["fsck", "--full", "--strict"]);
    assert_eq!(said, "");
    stage.assert_nothing_runs();
}

#[test]
fn from_a_shallow_clone() {
    let stage = LoopStage::new();
    stage.repo.write("more.txt", "more");
    stage.repo.commit("More");
    let (clone, from) = (stage.path("shallow"), format!("file://{}", stage.repo.root().display()));
    stage.repo.git(&["clone", "--quiet", "--depth=1", &from, &clone.display().to_string()]);
    add_in(&stage, &clone);
    let ran = run_in(&stage, &clone);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(fs::read_to_string(clone.join("done.txt")).unwrap(), "done");
    assert_eq!(stage.repo.git_in(&clone, &["rev-list", "--count", "HEAD"]), "3", "start, work, merge");
    stage.repo.git_in(&clone, &["fsck", "--full", "--strict"]);
    stage.assert_nothing_runs();
}

#[test]
fn from_a_path_with_spaces_quotes_and_other_alphabets() {
    for name in ["with some space", "d'été \"ö\" 日本 $HOME;x", "-dash", "a:b"] {
        let repo = TestRepo::at(name);
        repo.write("README.md", "A project.\n");
        repo.commit("Start");
        let stage = LoopStage::with(repo);
        let task = stage.task("Work", WRITES);
        let ran = stage.run(&["--gate", "test -e README.md"]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        assert_eq!(stage.status(&task), "closed", "{name}");
        assert_eq!(stage.repo.read("done.txt").unwrap(), "done", "{name}");
        stage.assert_left_clean();
    }
}

#[test]
fn without_a_commit_there_is_nothing_to_start_from() {
    let stage = LoopStage::with(TestRepo::empty());
    stage.task("Work", WRITES);
    let before = stage.snapshot();
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("branch main has no commit") && ran.stderr.contains("git commit"),
        "{}",
        ran.stderr
    );
    assert_eq!(stage.snapshot(), before);
}

#[test]
fn on_a_detached_head_the_run_branch_is_the_result() {
    let stage = LoopStage::new();
    stage.repo.git(&["checkout", "--quiet", "--detach"]);
    let (head, task) = (stage.rev("HEAD"), stage.task("Work", WRITES));
    let ran = stage.run(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!((stage.rev("HEAD"), stage.rev("main")), (head.clone(), head), "nobody's branch moved");
    assert_eq!(stage.repo.read("done.txt"), None);
    assert_eq!(stage.file_at(&stage.run_branch().unwrap(), "done.txt").unwrap(), "done");
    assert_eq!(stage.status(&task), "closed");
    assert_eq!(stage.journal_of("delivery")[0]["delivery"], "not_wanted");
    stage.assert_left_clean();
    stage.task("More", "write more.txt m\ncommit More\ndone");
    assert_eq!(stage.run(&[]).code, 0, "nothing waits for a delivery");
}

#[test]
fn in_the_middle_of_a_merge_or_rebase_nothing_starts() {
    for (operation, name) in [
        (&["merge", "side"][..], "a merge"),
        (&["rebase", "side"], "a rebase"),
        (&["cherry-pick", "side"], "a cherry-pick"),
    ] {
        let stage = LoopStage::new();
        stage.repo.git(&["checkout", "--quiet", "-b", "side"]);
        stage.repo.write("same.txt", "side");
        stage.repo.commit("Side");
        stage.repo.git(&["checkout", "--quiet", "main"]);
        stage.repo.write("same.txt", "main");
        stage.repo.commit("Main");
        stage.task("Work", WRITES);
        let stopped = stage.repo.try_git_in(stage.repo.root(), operation);
        assert!(!stopped.status.success(), "{name} stops at the conflict");
        let before = stage.snapshot();
        let ran = stage.run(&[]);
        assert_eq!(ran.code, 2, "{name}: {}", ran.stderr);
        let abort = format!("git {} --abort", operation[0]);
        assert!(ran.stderr.contains(name) && ran.stderr.contains(&abort), "{}", ran.stderr);
        assert_eq!(stage.snapshot(), before, "{name}");
    }
}
