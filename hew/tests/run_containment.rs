//! Whatever a run starts ends with it: what every kind of command leaves behind, the death of every process called hew, and a
//! run that stands still for a while.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use hew_testkit::loop_stage::{LoopStage, wait_until};
use hew_testkit::stub_agent;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const QUICK: &str = "loop.kill_grace = \"1s\"";

/// A command line that follows a script.
fn following(stage: &LoopStage, name: &str, script: &str) -> String {
    let file = stage.path(name);
    fs::write(&file, script).unwrap();
    format!("{} {}", stub_agent::path().display(), file.display())
}

/// Process ids that scripts have written down.
fn written_pid(path: &Path) -> Option<i32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// One letter, as the kernel has it; none for a process that is gone.
fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn is_gone(pid: i32) -> bool {
    matches!(state(pid), None | Some('Z' | 'X'))
}

#[test]
fn nothing_outlives_a_set_up_a_gate_a_verification_or_a_planner() {
    let stage = LoopStage::new();
    let leaves = |name: &str| {
        following(
            &stage,
            name,
            &format!("daemon\nchild\norphan {}", stage.path(&format!("{name}.pid")).display()),
        )
    };
    let (set_up, gate, verify) = (leaves("set-up"), leaves("gate"), leaves("verify"));
    let thinks = format!("daemon\nchild\norphan {}\nprint []", stage.path("planner.pid").display());
    fs::write(stage.path("planner"), thinks).unwrap();
    let (agent, script) = (stub_agent::path(), stage.path("planner"));
    stage.settings(&format!(
        "{QUICK}\nloop.worktree.setup = '{set_up}'\nloop.planner.runtime = \"thinker\"\n\
         loop.runtime_defs.thinker.command = '{}'\nloop.runtime_defs.thinker.args = ['{}']",
        agent.display(),
        script.display()
    ));
    // The last ones wait until the planner has answered: more are ready than workers are free.
    let go = stage.path("go");
    for name in ["a", "b", "c", "d", "e"] {
        let waits =
            if name == "b" || name == "c" { format!("wait-for {}\n", go.display()) } else { String::new() };
        stage.task(name, &format!("{waits}write {name}.txt {name}\ncommit {name}\ndone"));
    }
    let flags =
        ["--jobs", "2", "--no-baseline", "--gate", &gate, "--verify-tests", "--verify-command", &verify];
    let mut run = stage.start(&flags);
    run.wait_until("the planner's answer", || stage.has_event(|entry| entry["kind"] == "batch_planned"));
    fs::write(&go, "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for name in ["set-up", "gate", "verify", "planner"] {
        let pid =
            written_pid(&stage.path(&format!("{name}.pid"))).unwrap_or_else(|| panic!("{name} has not run"));
        assert!(is_gone(pid), "what {name} left goes on");
    }
    for gated in stage.journal_of("gated") {
        assert_eq!(gated["gate"]["leaked"], 3, "{gated}");
    }
    stage.assert_left_clean();
}

/// As `killall -9 hew` does it: the supervisors bear another name, are spared, and end what they watch over.
#[test]
fn nothing_goes_on_when_every_process_that_is_called_hew_is_killed() {
    let stage = LoopStage::new();
    stage.settings("loop.shell.allow_task_commands = true");
    let (begun, orphan) = (stage.path("begun"), stage.path("orphan"));
    let script = format!("orphan {}\ntouch {}\nignore-term\nhang", orphan.display(), begun.display());
    let agent = following(&stage, "agent", &script);
    // The agent is not the shim's own child.
    stage.task_with("Wrapped", &["--run", &format!("sh -c '{agent}; true'; true"), "--runtime", "shell"], "");
    let mut run = stage.start(&["--no-gate"]);
    run.wait_for(&begun);
    let called_hew =
        |pid: i32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "hew");
    let doomed: Vec<i32> =
        stage.processes().into_iter().map(|(pid, _)| pid).filter(|pid| called_hew(*pid)).collect();
    assert_eq!(doomed, [run.pid().as_raw()], "the supervisor has another name");
    for pid in doomed {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    assert_eq!(run.end().code, 137);
    wait_until("the end of all that it had started", || stage.processes().is_empty());
    wait_until("the end of the orphan", || is_gone(written_pid(&orphan).unwrap()));
}

#[test]
fn an_agent_that_kills_its_supervisor_fails_alone_and_leaves_nothing() {
    let stage = LoopStage::new();
    stage.settings(QUICK);
    let orphan = stage.path("orphan");
    let go = stage.path("go");
    let waits = format!("wait-for {}\ndaemon\n", go.display());
    let kills = format!("{waits}orphan {}\nwrite half.txt h\nkill-parent SIGKILL\nhang", orphan.display());
    let killer = stage.task("Killer", &kills);
    let stopper = stage.task("Stopper", &format!("{waits}kill-parent SIGSTOP\nhang"));
    let other = stage.task("Other", "write other.txt o\ncommit Other\ndone");
    let mut run = stage.start(&["--no-gate", "--jobs", "2", "--max-attempts", "1", "--timeout", "3s"]);
    // A supervisor that is stopped before it has told of its agent could not start it.
    let spawned = |worker: u64| {
        stage.has_event(|entry| entry["kind"] == "spawned" && entry["worker"] == worker && entry["iter"] == 1)
    };
    run.wait_until("both agents", || spawned(0) && spawned(1));
    fs::write(&go, "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&killer), ["runtime_error"]);
    assert_eq!(stage.outcomes(&stopper), ["timed_out"]);
    assert_eq!(stage.outcomes(&other), ["closed"]);
    assert!(is_gone(written_pid(&orphan).unwrap()));
    let is_killers = |entry: &Value| entry["worker"] == 0 && entry["iter"] == 1;
    let work = stage.journal_of("collected").into_iter().find(is_killers);
    let anchor = work.unwrap()["anchor"].as_str().unwrap().to_owned();
    assert_eq!(stage.file_at(&anchor, "half.txt").unwrap(), "h", "its work is kept");
    stage.assert_left_clean();
}

/// Longer than an agent may take; it has ended by itself long before, and nobody saw it.
#[test]
fn time_in_which_a_run_stood_still_counts_towards_no_limit() {
    let stage = LoopStage::new();
    stage.settings("loop.timeout = \"8s\"\nloop.stall_timeout = \"8s\"");
    let (begun, go) = (stage.path("begun"), stage.path("go"));
    // More than a pipe holds: the agent can't end before somebody reads.
    let script = format!(
        "touch {}\nwait-for {}\nprint-mb 1\nwrite a.txt a\ncommit A\ndone",
        begun.display(),
        go.display()
    );
    let task = stage.task("Task", &script);
    let mut run = stage.start(&["--no-gate", "--max-attempts", "1"]);
    run.wait_for(&begun);
    run.signal("SIGSTOP");
    wait_until("the stop", || state(run.pid().as_raw()) == Some('T'));
    fs::write(&go, "").unwrap();
    std::thread::sleep(Duration::from_secs(9));
    run.signal("SIGCONT");
    let ran = run.end();
    assert_eq!((ran.code, stage.outcomes(&task)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
    stage.assert_left_clean();
}

/// The program file is another one by the time at which the second agent starts, as after an upgrade.
#[test]
fn a_run_goes_on_with_the_program_that_it_was_started_with() {
    let stage = LoopStage::new();
    let (begun, go) = (stage.path("begun"), stage.path("go"));
    let copy = stage.path("bin/hew");
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_hew"), &copy).unwrap();
    let first =
        stage.task("First", &format!("touch {}\nwait-for {}\nprint closed", begun.display(), go.display()));
    let second = stage.task_with("Second", &["--dep", &first], "print closed");
    for id in [&first, &second] {
        let script = fs::read_to_string(stage.scripts().join(id)).unwrap();
        stage.script(id, &format!("{script} {id}"));
    }
    let mut command = stage.repo.command(&copy);
    command.args(["loop", "run", "--scope", "ready", "--no-gate"]);
    let mut run = hew_testkit::loop_stage::Running::spawn(command);
    run.wait_for(&begun);
    fs::remove_file(&copy).unwrap();
    fs::write(&copy, "another version").unwrap();
    fs::write(&go, "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        (stage.outcomes(&first), stage.outcomes(&second)),
        (vec!["closed".into()], vec!["closed".into()])
    );
}

#[test]
fn a_run_folder_that_is_deleted_ends_the_run_in_words() {
    let stage = LoopStage::new();
    stage.settings(QUICK);
    let (begun, go) = (stage.path("begun"), stage.path("go"));
    let script =
        format!("write a.txt a\ncommit A\ntouch {}\nwait-for {}\ndone", begun.display(), go.display());
    let task = stage.task("Task", &script);
    let mut run = stage.start(&["--no-gate"]);
    run.wait_for(&begun);
    let folder = stage.run_folder();
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&go, "").unwrap();
    let ran = run.end();
    assert_ne!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("events.jsonl") && ran.stderr.contains("it was deleted"), "{}", ran.stderr);
    assert_eq!(stage.repo.read("a.txt"), None, "nothing is delivered without a record");
    assert_ne!(stage.status(&task), "closed");
    assert!(stage.processes().is_empty());
}

#[test]
fn an_agent_that_somebody_kills_is_named_and_tried_again() {
    let stage = LoopStage::new();
    let task = stage.task("Task", "write a.txt a\ncommit A\ndone");
    stage.script(&format!("{task}.1"), "write half.txt h\nkill-self SIGKILL");
    let ran = stage.run(&["--no-gate"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&task), ["runtime_error", "closed"]);
    let reason = stage.journal_of("iteration_ended")[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("killed from outside, perhaps for want of memory"), "{reason}");
    stage.assert_left_clean();
}

#[test]
fn without_any_open_stream_a_run_goes_on_and_agents_still_die_of_closed_pipes() {
    let stage = LoopStage::new();
    stage.settings("loop.shell.allow_task_commands = true");
    // `yes` complains where a closed pipe is an error instead of its end.
    let run = "yes | head -n 1 > a.txt";
    let task = stage.task_with("Task", &["--run", run, "--runtime", "shell"], "");
    let hew = stage.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate"]);
    let mut command = stage.repo.command("sh");
    command.args(["-c", "exec \"$0\" \"$@\" <&- >&- 2>&-"]).arg(hew.get_program()).args(hew.get_args());
    let ran = hew_testkit::loop_stage::ran(command);
    assert_eq!(ran.code, 0);
    assert_eq!(stage.outcomes(&task), ["closed"]);
    let complaints = fs::read_to_string(stage.iteration_folder(&task, 1).join("stderr.log")).unwrap();
    assert_eq!(complaints, "");
    stage.assert_left_clean();
}

#[test]
fn with_few_file_descriptors_a_run_ends_in_words_or_well() {
    for (limit, jobs) in [("48", "1"), ("24", "4"), ("16", "2")] {
        let stage = LoopStage::new();
        for number in 0..6 {
            stage.task(&format!("Task {number}"), &format!("write {number}.txt a\ncommit A\ndone"));
        }
        let hew = stage.repo.hew(&["loop", "run", "--scope", "ready", "--no-gate", "--jobs", jobs]);
        let mut command = stage.repo.command("sh");
        command.args(["-c", "ulimit -n \"$1\" && shift && exec \"$@\"", "sh", limit]);
        command.arg(hew.get_program()).args(hew.get_args());
        let ran = hew_testkit::loop_stage::ran(command);
        assert!(ran.code < 64, "with {limit} descriptors hew ends with {}: {}", ran.code, ran.stderr);
        assert!(ran.code == 0 || ran.stderr.contains("Too many open files"), "{limit}: {}", ran.stderr);
        assert!(stage.processes().is_empty());
        stage.repo.fsck_clean();
    }
}
