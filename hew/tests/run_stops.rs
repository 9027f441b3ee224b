//! A first, a second and a third signal in every phase of a run: the first gives what runs its time, the second takes it
//! away, the third changes nothing more; whatever was at work then, the run ends with its record and leaves nothing.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::path::PathBuf;

use hew_testkit::loop_stage::{LoopStage, Running, wait_until};
use hew_testkit::stub_agent;

/// Nothing but another signal ends what hangs.
const PATIENT: &str = "loop.stop_grace = \"10m\"\nloop.kill_grace = \"10m\"";

/// A command that tells by the file `there` that it runs, and never ends by itself.
fn hanging(stage: &LoopStage) -> String {
    let file = stage.path("hanging");
    fs::write(&file, format!("touch {}\nignore-term\ndaemon\nhang", there(stage).display())).unwrap();
    format!("{} {}", stub_agent::path().display(), file.display())
}

fn there(stage: &LoopStage) -> PathBuf {
    stage.path("there")
}

fn stops(stage: &LoopStage) -> usize {
    stage.journal_of("stop_requested").len()
}

/// Three signals, each after the one before was heard as far as it can be.
fn interrupt_thrice(stage: &LoopStage, mut run: Running) {
    run.wait_for(there(stage));
    run.signal("SIGINT");
    run.wait_until("the first signal", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
    run.signal("SIGINT");
    // The run may be over before the third one comes.
    let _ = nix::sys::signal::kill(run.pid(), nix::sys::signal::Signal::SIGINT);
    let ran = run.end();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    let end = stage.journal_of("run_ended").pop().unwrap();
    assert_eq!((&end["stop_reason"], &end["exit_code"]), (&"signal".into(), &130.into()), "{}", ran.stderr);
    assert!(stops(stage) >= 1);
    stage.assert_left_clean();
}

#[test]
fn while_a_worktree_is_set_up() {
    let stage = LoopStage::new();
    stage.settings(&format!("{PATIENT}\nloop.worktree.setup = '{}'", hanging(&stage)));
    let task = stage.task("Task", "done");
    let run = stage.start(&["--no-gate"]);
    interrupt_thrice(&stage, run);
    assert_eq!(stage.outcomes(&task), ["cancelled"]);
    assert!(stage.is_free(&task));
}

#[test]
fn while_the_gate_runs_on_the_launch_commit() {
    let stage = LoopStage::new();
    stage.settings(PATIENT);
    let task = stage.task("Task", "done");
    let gate = hanging(&stage);
    let run = stage.start(&["--gate", &gate]);
    interrupt_thrice(&stage, run);
    assert!(stage.is_free(&task) && stage.journal_of("iteration_started").is_empty());
}

#[test]
fn while_the_gate_runs_on_a_candidate() {
    let stage = LoopStage::new();
    stage.settings(PATIENT);
    let task = stage.task("Task", "write work.txt w\ncommit Work\ndone");
    let gate = hanging(&stage);
    let run = stage.start(&["--no-baseline", "--gate", &gate]);
    interrupt_thrice(&stage, run);
    assert_eq!(stage.outcomes(&task), ["cancelled"]);
    assert!(stage.is_free(&task));
    let work = stage.journal_of("collected").pop().unwrap();
    assert_eq!(stage.file_at(work["anchor"].as_str().unwrap(), "work.txt").unwrap(), "w", "its work is kept");
}

#[test]
fn while_the_gate_runs_on_what_is_to_be_delivered() {
    let stage = LoopStage::new();
    stage.settings(PATIENT);
    // A person commits on the target meanwhile, so that what landed has to be merged with that.
    let person = format!("git -C {} commit --quiet --allow-empty -m Theirs", stage.repo.root().display());
    let task = stage.task("Task", "write work.txt w\ncommit Work\ndone");
    let passed = stage.path("passed").display().to_string();
    let gate = format!(
        "case $PWD in */land) test -e {passed} || {{ touch {passed}; {person}; exit 0; }};; esac; {}",
        hanging(&stage)
    );
    let run = stage.start(&["--no-baseline", "--gate", &gate]);
    interrupt_thrice(&stage, run);
    assert_eq!(stage.outcomes(&task), ["closed"], "it had landed");
    assert_eq!(stage.repo.read("work.txt"), None, "and is not delivered");
    assert_eq!(stage.file_at(&stage.run_branch().unwrap(), "work.txt").unwrap(), "w");
}

#[test]
fn while_the_result_is_verified() {
    let stage = LoopStage::new();
    stage.settings(PATIENT);
    let task = stage.task("Task", "write work.txt w\ncommit Work\ndone");
    let tests = hanging(&stage);
    let run = stage.start(&["--no-gate", "--verify-tests", "--verify-command", &tests]);
    interrupt_thrice(&stage, run);
    assert_eq!(stage.outcomes(&task), ["closed"]);
    assert_eq!(stage.repo.read("work.txt"), None, "what is not proven is not delivered");
}

#[test]
fn while_the_planner_thinks() {
    let stage = LoopStage::new();
    let script = stage.path("hanging");
    hanging(&stage);
    let (agent, script) = (stub_agent::path(), script.display());
    stage.settings(&format!(
        "{PATIENT}\nloop.planner.runtime = \"thinker\"\nloop.runtime_defs.thinker.command = '{}'\n\
         loop.runtime_defs.thinker.args = ['{script}']",
        agent.display()
    ));
    stage.task("First", "write first.txt f\ncommit First\ndone");
    for name in ["b", "c", "d", "e"] {
        stage.task(name, "ignore-term\nhang");
    }
    let run = stage.start(&["--no-gate", "--jobs", "2"]);
    interrupt_thrice(&stage, run);
}

/// A merge that takes its time: git is slow, not a command that could be stopped.
#[test]
fn while_a_candidate_is_merged() {
    let stage = LoopStage::new();
    stage.settings(PATIENT);
    let task = stage.task("Task", "write work.txt w\ncommit Work\ndone");
    let (bin, go) = (stage.path("bin"), stage.path("go"));
    fs::create_dir_all(&bin).unwrap();
    let folders = std::env::var_os("PATH").unwrap();
    let git =
        std::env::split_paths(&folders).map(|folder| folder.join("git")).find(|file| file.is_file()).unwrap();
    let wrapper = format!(
        "#!/bin/sh\ncase \"$*\" in *merge-tree*) touch {there}; until test -e {go}; do :; done;; esac\nexec {git} \"$@\"\n",
        there = there(&stage).display(),
        go = go.display(),
        git = git.display()
    );
    fs::write(bin.join("git"), wrapper).unwrap();
    fs::set_permissions(bin.join("git"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = stage.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate"]);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    command.env("PATH", path);
    let mut run = Running::spawn(command);
    run.wait_for(there(&stage));
    run.signal("SIGTERM");
    run.wait_until("the signal", || stage.has_event(|entry| entry["kind"] == "stop_requested"));
    run.signal("SIGTERM");
    wait_until("the second signal", || stops(&stage) == 2);
    fs::write(&go, "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 143, "{}", ran.stderr);
    assert!(matches!(stage.outcomes(&task)[..], [ref one] if one == "closed" || one == "cancelled"));
    stage.assert_left_clean();
}
