//! Gates that misbehave (landing.md L11): each is named as what it was, is bounded in time and output, and leaves nothing
//! behind.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;

use hew_testkit::loop_stage::LoopStage;
use hew_testkit::stub_agent;
use serde_json::{Value, json};

struct Gated {
    stage: LoopStage,
    task: String,
    code: i32,
    gate: Value,
}

/// One task that writes `work.txt`, and a gate that the scripted agent plays.
fn gated_by(script: &str, settings: &str) -> Gated {
    let stage = LoopStage::new();
    let file = stage.path("gate-script");
    fs::write(&file, script).unwrap();
    gated(stage, &format!("exec {} {}", stub_agent::path().display(), file.display()), settings)
}

fn gated(stage: LoopStage, gate: &str, settings: &str) -> Gated {
    stage.settings(settings);
    let task = stage.task("Work", "write work.txt work\ncommit Work\ndone");
    let ran = stage.run(&["--gate", gate, "--no-baseline", "--max-attempts", "1"]);
    let events = stage.journal_of("gated");
    assert_eq!(events.len(), 1, "{}", ran.stderr);
    let gate = events[0]["gate"].clone();
    Gated { stage, task, code: ran.code, gate }
}

impl Gated {
    fn assert_landed(&self) {
        assert_eq!(self.code, 0);
        assert_eq!(self.stage.outcomes(&self.task), ["closed"]);
        assert_eq!(self.stage.file_at("main", "work.txt").unwrap(), "work");
        assert_eq!(self.stage.status(&self.task), "closed");
        self.stage.assert_left_clean();
    }

    fn assert_red(&self, why: &str) {
        assert_eq!(self.code, 1);
        assert_eq!(self.stage.outcomes(&self.task), ["backpressure_fail"]);
        let reason = self.stage.journal_of("iteration_ended")[0]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains(why), "{why:?} is not in {reason:?}");
        let launch = self.stage.journal()[0]["launch_sha"].as_str().unwrap().to_owned();
        assert_eq!(self.stage.rev("main").unwrap(), launch, "nothing has moved");
        assert_eq!(self.stage.run_branch(), None, "a branch on which nothing landed is gone");
        assert!(self.stage.is_free(&self.task) && self.stage.has_label(&self.task, "hew:parked"));
        let anchors = self.stage.refs("refs/hew");
        assert_eq!(anchors.len(), 1);
        let work = anchors.values().next().unwrap();
        assert_eq!(self.stage.file_at(work, "work.txt").unwrap(), "work");
        self.stage.assert_left_clean();
    }

    fn log(&self) -> Vec<u8> {
        fs::read(self.stage.run_folder().join(self.gate["log"].as_str().unwrap())).unwrap()
    }
}

#[test]
fn fifty_megabytes_of_output_land_with_a_bounded_log() {
    let gated = gated_by("print first line\nprint-mb 50\nprint last line", "");
    gated.assert_landed();
    let log = gated.log();
    assert!(log.len() < 20 * 1024 * 1024, "{} bytes", log.len());
    assert!(log.starts_with(b"first line\n") && log.ends_with(b"last line\n"), "head and tail are kept");
}

#[test]
fn a_gate_that_hangs_is_stopped_after_its_time() {
    let gated = gated_by("ignore-term\nhang", "loop.gate.timeout = \"1s\"\nloop.kill_grace = \"1s\"");
    assert_eq!(gated.gate["stopped"], "timeout");
    gated.assert_red("loop.gate.timeout");
}

#[test]
fn a_process_that_left_the_gates_group_is_ended() {
    let gated = gated_by("daemon\nprint fine", "loop.kill_grace = \"1s\"");
    assert_eq!(gated.gate["leaked"], 1);
    gated.assert_landed();
}

#[test]
fn a_gate_that_reads_is_told_the_end_at_once() {
    let stage = LoopStage::new();
    let gated = gated(stage, "test -z \"$(cat)\" && echo read", "");
    assert_eq!(String::from_utf8(gated.log()).unwrap(), "read\n");
    gated.assert_landed();
}

#[test]
fn a_gate_killed_by_a_signal_is_red_and_the_signal_named() {
    let gated = gated_by("print before\nkill-self SIGABRT", "");
    assert_eq!(gated.gate["exit"], json!({"signal": 6}));
    gated.assert_red("signal 6");
    let gated = self::gated(LoopStage::new(), "kill -KILL $$", "");
    assert_eq!(gated.gate["exit"], json!({"signal": 9}));
    gated.assert_red("signal 9");
}

#[test]
fn a_gate_that_edits_or_commits_proves_nothing() {
    for (gate, why) in [
        ("echo more >> work.txt", "work.txt"),
        ("rm README.md", "README.md"),
        ("git commit --quiet --allow-empty -m sly", "moved HEAD"),
        ("git checkout --quiet HEAD~1", "moved HEAD"),
    ] {
        let gated = gated(LoopStage::new(), gate, "");
        assert!(gated.gate["tampered"].as_str().unwrap().contains(why), "{gate}: {}", gated.gate);
        gated.assert_red(why);
    }
}

#[test]
fn what_a_gate_builds_beside_the_tree_is_no_change_of_it() {
    let stage = LoopStage::new();
    stage.repo.write(".gitignore", "target/\n");
    stage.repo.commit("Ignore");
    gated(stage, "mkdir -p target && echo built > target/out && echo log > new.log", "").assert_landed();
}

#[test]
fn the_gate_finds_what_set_up_makes_and_set_up_runs_again_when_its_inputs_change() {
    let stage = LoopStage::new();
    stage.repo.write(".gitignore", "made\n");
    stage.repo.write("lock", "1");
    stage.repo.commit("A lock file");
    stage.settings(
        "loop.worktree.setup = \"cp lock made\"\nloop.worktree.setup_inputs = [\"lock\"]\nloop.jobs = 1",
    );
    let task = stage.task("Work", "write lock 2\ncommit Work\ndone");
    let ran = stage.run(&["--gate", "cmp lock made", "--max-attempts", "1"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&task), ["closed"]);
    assert_eq!(stage.file_at("main", "lock").unwrap(), "2");
    stage.assert_left_clean();
}
