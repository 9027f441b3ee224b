//! The real git fails once, at each of the calls of a small run: the run ends in words, no work is lost, no task is closed that
//! has not landed, and the target stays or has what landed.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use hew_testkit::loop_stage::{LoopStage, Ran, ran};

const WORDS: &str = "injected failure";
/// Runs side by side.
const SIDE_BY_SIDE: usize = 3;

fn real_git() -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&folders).map(|folder| folder.join("git")).find(|file| file.is_file()).unwrap()
}

/// A run of two tasks among gits of which the one with this number fails; agents have the real one. Answers the number of
/// gits, too.
fn run_with_failing(at: usize) -> (LoopStage, [String; 2], Ran, usize) {
    let stage = LoopStage::new();
    let works = |name: &str| {
        let mark = stage.path(&format!("{name}.committed"));
        format!("write {name}.txt x\ncommit Work of {name}\ntouch {}\ndone", mark.display())
    };
    let first = stage.task("First", &works("first"));
    let second = stage.task_with("Second", &["--dep", &first], &works("second"));
    let (bin, calls) = (stage.path("bin"), stage.path("calls"));
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(&calls).unwrap();
    // An agent has HEW_RUN_ID, hew's own gits have not.
    let wrapper = format!(
        "#!/bin/sh\n[ -n \"$HEW_RUN_ID\" ] && exec {git} \"$@\"\nn=1\n\
         until mkdir {calls}/$n 2>/dev/null; do n=$((n + 1)); done\n\
         if [ $n -eq {at} ]; then echo '{WORDS}' >&2; exit 128; fi\nexec {git} \"$@\"\n",
        git = real_git().display(),
        calls = calls.display(),
    );
    fs::write(bin.join("git"), wrapper).unwrap();
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = stage.repo.hew(&["loop", "run", "--scope", "ready", "--gate", "true"]);
    command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
    let ran = ran(command);
    let count = fs::read_dir(&calls).unwrap().count();
    (stage, [first, second], ran, count)
}

fn check(at: usize) {
    let (stage, tasks, ran, _) = run_with_failing(at);
    let what = format!("call {at}, exit code {}: {}", ran.code, ran.stderr);
    assert!([0, 1, 2, 3].contains(&ran.code), "{what}");
    stage.assert_nothing_runs();
    stage.repo.fsck_clean();
    let tip = stage.run_folders().pop().and_then(|_| stage.run_branch()).unwrap_or_default();
    let has = |commit: &str, name: &str| stage.file_at(commit, &format!("{name}.txt")).is_some();
    let kept = stage.repo.git(&["log", "--all", "--format=%s"]);
    let is_whole = ran.code == 0;
    for (task, name) in tasks.iter().zip(["first", "second"]) {
        let is_closed = stage.status(task) == "closed";
        assert!(
            !is_closed || has(&tip, name) || has("main", name),
            "{task} is closed and did not land; {what}"
        );
        assert!(!is_whole || (is_closed && has("main", name)), "{task} is not done; {what}");
        assert_ne!(stage.status(task), "in_progress", "{task} is held; {what}");
        // Whatever an agent committed is on some ref, or in a folder that was kept.
        let was_committed = stage.path(&format!("{name}.committed")).exists();
        let subject = format!("Work of {name}");
        let in_a_folder = stage.worktrees().iter().any(|folder| folder.join(format!("{name}.txt")).is_file());
        assert!(!was_committed || kept.contains(&subject) || in_a_folder, "{subject} is lost; {what}");
    }
}

#[test]
fn each_call_of_git_may_fail_once() {
    let (stage, _, ran, calls) = run_with_failing(0);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    stage.assert_left_clean();
    assert!(calls > 15, "{calls} calls of git: this test strikes nothing");
    let all: Vec<usize> = (1..=calls).collect();
    for together in all.chunks(SIDE_BY_SIDE) {
        std::thread::scope(|scope| {
            for at in together {
                scope.spawn(move || check(*at));
            }
        });
    }
}
